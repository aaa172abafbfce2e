"""The command `scaling-fast`: its verbs, its exit codes, and how errors are reported."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scaling_fast.cli import output, streams
from scaling_fast.cli.exit_codes import Exit
from scaling_fast.cli.verbs.audit import audit
from scaling_fast.cli.verbs.bootstrap import bootstrap
from scaling_fast.cli.verbs.catalogue import datasets, laws
from scaling_fast.cli.verbs.compare import compare
from scaling_fast.cli.verbs.doctor import doctor, package_version
from scaling_fast.cli.verbs.fit import fit
from scaling_fast.cli.verbs.optimum import optimum
from scaling_fast.cli.verbs.stress import stress
from scaling_fast.runtime.memory import resource_error

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

EPILOG = """\b
Examples:
  scaling-fast audit                                   audit the embedded claim, write a report
  scaling-fast fit runs.csv chinchilla --column N=params --column D=tokens
  scaling-fast bootstrap runs.csv chinchilla --column N=params --column D=tokens --of a
  scaling-fast optimum runs.csv chinchilla --column N=params --column D=tokens --flops 1e24
  scaling-fast laws chinchilla                         formula, parameters, published values
\b
Tables go to stdout: aligned on a terminal, tab-separated with full precision in a pipe. Notes and
errors go to stderr. Every verb takes --json.
\b
Exit codes: 0 success; 1 findings at or above --fail-on; 2 bad input (usage, data, formula, file)
or output that cannot be written; 3 no usable fit, or a bug in scaling_fast; 130 Ctrl-C; 141 the
program reading the pipe closed it.
"""

COMPLETION = "_SCALING_FAST_COMPLETE"  # set by the shell that asks for completions


def _print_version(context: click.Context, *, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"scaling-fast {package_version()}")
        context.exit()


class _Terminal(click.Group):
    """Group of verbs that turns every exception into an exit code and one sentence."""

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run one verb and exit."""
        arguments = list(sys.argv[1:] if args is None else args) or ["--help"]
        options = arguments[: arguments.index("--")] if "--" in arguments else arguments
        streams.open_closed_streams()
        with streams.own_stdout():
            streams.tolerate_any_encoding()
            code = self._guarded(
                arguments, prog_name or "scaling-fast", extra, as_json="--json" in options
            )
        sys.exit(code)

    def _guarded(
        self, arguments: list[str], name: str, extra: dict[str, Any], *, as_json: bool
    ) -> int:
        """Run one verb and return its exit code; nothing stays in a buffer, whatever happens."""
        try:
            if COMPLETION in os.environ:
                super().main(arguments, name, **extra)
            return self._answered(arguments, name)
        except click.ClickException as error:
            output.report_usage_error(error, as_json=as_json)
            return Exit.BAD_INPUT
        except (click.Abort, KeyboardInterrupt) as stop:
            output.note(output.interruption(stop))
            return Exit.INTERRUPTED
        except BrokenPipeError:
            return Exit.BROKEN_PIPE
        except Exception as error:
            return output.report_error(resource_error(error) or error, as_json=as_json)
        except BaseException as error:  # a panic of polars, which may be refused memory or threads
            refused = resource_error(error)
            if refused is None:
                raise
            return output.report_error(refused, as_json=as_json)
        finally:
            streams.settle()

    def _answered(self, arguments: list[str], name: str) -> int:
        """Run one verb and return its exit code once the answer is written out.

        click's own loop is left out: it exits with 1 where a pipe is closed, which here means findings.
        """
        code: int = Exit.SUCCESS
        try:
            with self.make_context(name, arguments) as context:
                self.invoke(context)
        except click.exceptions.Exit as ended:
            code = ended.exit_code
        if code == Exit.SUCCESS or not streams.stdout_is_closed():
            streams.flush()
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
    callback=lambda context, _, value: _print_version(context, wanted=value),
    help="Print the version and exit.",
)
def main() -> None:
    """Fit scaling laws, resample the fits, and audit published ones."""


for verb in (fit, bootstrap, optimum, compare, stress, audit, laws, datasets, doctor):
    main.add_command(verb)
