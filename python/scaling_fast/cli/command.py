"""The command `scaling-fast`: its verbs, its exit codes, and how an error is said."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scaling_fast.cli import output
from scaling_fast.cli.exit_codes import Exit
from scaling_fast.cli.verbs import audit as auditing
from scaling_fast.cli.verbs import catalogue, doctor
from scaling_fast.cli.verbs import fit as fitting
from scaling_fast.cli.verbs import stress as stressing

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

EPILOG = """\b
Examples:
  scaling-fast audit                                   the embedded claim; says where the report is
  scaling-fast fit runs.csv chinchilla --column N=params --column D=tokens
  scaling-fast bootstrap runs.csv chinchilla --column N=params --column D=tokens --of a
  scaling-fast laws chinchilla                         formula, parameters, published values
\b
Tables go to stdout: aligned on a terminal, tab-separated with full precision in a pipe. Notes and
errors go to stderr. Every verb takes --json.
\b
Exit codes: 0 fine; 1 findings at or above --fail-on; 2 a question that cannot be asked (usage,
data, formula, file); 3 no usable fit, or a bug of ours; 130 Ctrl-C; 141 the reader of a pipe left.
"""


COMPLETION = "_SCALING_FAST_COMPLETE"  # set by the shell that asks for completions


def _version(context: click.Context, _: click.Parameter, *, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from scaling_fast.cli.verbs.doctor import package_version

        click.echo(f"scaling-fast {package_version()}")
        context.exit()


class _Terminal(click.Group):
    """A group of verbs that turns every exception into an exit code and one sentence."""

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run one verb and exit."""
        words = list(sys.argv[1:] if args is None else args) or ["--help"]
        as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
        output.hold_streams()
        with output.own_stdout():
            output.tolerate_any_encoding()
            code = self._guarded(words, prog_name or "scaling-fast", extra, as_json=as_json)
        sys.exit(code)

    def _guarded(self, words: list[str], name: str, extra: dict[str, Any], *, as_json: bool) -> int:
        """Run one verb and return its exit code; nothing stays in a buffer, whatever happens."""
        try:
            if COMPLETION in os.environ:
                super().main(words, name, **extra)
            return self._answered(words, name)
        except click.ClickException as error:
            output.refuse_usage(error, as_json=as_json)
            return Exit.CANNOT_ASK
        except (click.Abort, KeyboardInterrupt) as stop:
            output.note(output.interruption(stop))
            return Exit.INTERRUPTED
        except BrokenPipeError:
            return Exit.READER_LEFT
        except Exception as error:
            return output.refuse(error, as_json=as_json)
        finally:
            output.settle()

    def _answered(self, words: list[str], name: str) -> int:
        """Run one verb and return its exit code once the answer is written out.

        click's own loop is left out: it makes a closed pipe exit code 1, which says findings.
        """
        code: int = Exit.FINE
        try:
            with self.make_context(name, words) as context:
                self.invoke(context)
        except click.exceptions.Exit as ended:
            code = ended.exit_code
        if code == Exit.FINE or not output.stdout_is_closed():
            output.flush()
        return code


@click.group(
    cls=_Terminal,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, param, value: _version(context, param, wanted=value),
    help="Print the version and exit.",
)
def main() -> None:
    """Fit scaling laws, resample the fits, and audit published ones."""


main.add_command(fitting.fit)
main.add_command(fitting.bootstrap)
main.add_command(stressing.stress)
main.add_command(auditing.audit)
main.add_command(catalogue.laws)
main.add_command(catalogue.datasets)
main.add_command(doctor.doctor)
