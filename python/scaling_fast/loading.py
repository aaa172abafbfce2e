"""Read a saved result of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from scaling_fast.errors import CheckpointError, ResourceError, quote
from scaling_fast.fitting.result import Fit
from scaling_fast.resampling.result import Bootstrap
from scaling_fast.resampling.streaming.summary import BootstrapSummary
from scaling_fast.runtime import archive
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load"]

Result: TypeAlias = Fit | Bootstrap | BootstrapSummary

KINDS: dict[str, type[Result]] = {
    result.kind: result for result in (Fit, Bootstrap, BootstrapSummary)
}
"""Kind of result that a file names -> the class that reads it."""


@ask_first
def load(path: str | Path) -> Result:
    """Return a saved fit, bootstrap or summary; nothing is fitted again.

    Parameters
    ----------
    path
        File that the `save` of a result wrote.

    Raises
    ------
    CheckpointError
        For a file that is missing, damaged, or of another kind or version, and for a path that is
        not a regular file.

    Examples
    --------
    >>> import tempfile, pathlib, scaling_fast as sf
    >>> fit = sf.fit({"x": [1.0, 2.0, 4.0, 8.0], "loss": [4.0, 3.0, 2.5, 2.2]}, "power_offset")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(pathlib.Path(folder) / "fit.scaling")
    ...     again = sf.load(pathlib.Path(folder) / "fit.scaling")
    >>> again.table.equals(fit.table)
    True
    """
    found = archive.read(path)
    if found.kind not in KINDS:
        raise CheckpointError(
            f"{quote(path)} holds a result of kind {quote(found.kind)}, which this version does not know",
            code="kind",
        )
    try:
        return KINDS[found.kind].from_archive_entry(found.entry, found.frames)
    except (CheckpointError, ResourceError, MemoryError):
        raise
    except Exception as error:  # a damaged file can break anything; the message is the same
        raise archive.damaged(str(path), error) from error
