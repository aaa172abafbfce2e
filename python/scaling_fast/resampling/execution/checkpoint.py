"""A checkpoint: a folder with the finished shards of one bootstrap, from which the run can be resumed."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from scaling_fast.errors import CheckpointError, quote
from scaling_fast.fitting.status import status_code
from scaling_fast.resampling.execution.jobs import Answer
from scaling_fast.resampling.execution.messages import Damaged, Foreign, packed, unpacked
from scaling_fast.runtime.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from scaling_fast.resampling.execution.jobs import Job

__all__ = ["Checkpoint"]

RUN, LOCK, SHARD, SUFFIX = "run", "lock", "shard-", ".scaling"
"""Names in the folder: the identity of the run, the lock of its writer, the shards."""

OURS = re.compile(rf"{RUN}{SUFFIX}|{SHARD}[0-9]+-[0-9]+{SUFFIX}")
"""Names of the files of a run: a folder that holds others and none of these is somebody's own."""

LEFT_BEHIND = re.compile(rf"\.({RUN}|{SHARD}).*\.part")
"""Names of temporary files of a writer that was killed; those of other programs are left alone."""

_open_here: dict[tuple[int, str], object] = {}
"""(Process, folder) -> its writer: the lock of the system belongs to the process, not to a thread."""


class Checkpoint:
    """The folder of one bootstrap, open for writing while the `with` lasts.

    Parameters
    ----------
    path
        The folder; it is made if it does not exist, but its parent must exist.
    job
        What is resampled; a folder of any other run is refused.

    Attributes
    ----------
    failure
        Why a shard could not be written, or None; the first such failure ends the writing.

    Raises
    ------
    CheckpointError
        For a folder that cannot be written, is in use, or belongs to another run.
    """

    def __init__(self, path: Path, job: Job) -> None:
        self.path = path
        self.failure: CheckpointError | None = None
        self._identity = _identity(job)
        self._lock: Any = None
        self._key = (os.getpid(), "")

    def __enter__(self) -> Self:
        try:
            if b"\0" in os.fsencode(self.path):
                raise ValueError("it holds a null character")
            self._key = (os.getpid(), os.path.realpath(self.path))
            self.path.mkdir(exist_ok=True)
            self._refuse_strangers()
            self._take_lock()
            try:
                self._claim()
            except BaseException:
                self._release()
                raise
        except CheckpointError:
            raise
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{quote(self.path, 200)} cannot be a checkpoint's folder: {error}", code="write"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()

    def shards(self) -> Iterator[Answer]:
        """Give the shards on disk, in the order of their first replicate.

        Raises
        ------
        CheckpointError
            For a shard that was truncated or altered, or belongs to another run.
        """
        for path in sorted(self.path.glob(f"{SHARD}*{SUFFIX}")):
            header, arrays = self._read(path, "shard")
            if header["run"] != self._identity:
                self._refuse_other(path, header["run"])
            yield Answer(
                header["first"],
                header["count"],
                arrays["status"],
                arrays["objective"],
                list(arrays["params"]),
                interrupted=False,
            )

    def keep(self, answer: Answer) -> None:
        """Write a shard; of an interrupted one, the replicates that every group has finished."""
        if self.failure is not None:
            return
        try:
            for first, end in _finished(answer):
                at = slice(first - answer.first, end - answer.first)
                raw = packed(
                    "shard",
                    {"run": self._identity, "first": first, "count": end - first},
                    {
                        "status": answer.status[:, at],
                        "objective": answer.objective[:, at],
                        "params": np.array([column[:, at] for column in answer.params]),
                    },
                )
                write_whole(self.path / f"{SHARD}{first:015d}-{end - first}{SUFFIX}", raw)
        except OSError as error:
            self.failure = CheckpointError(
                f"{quote(self.path, 200)} cannot be written: {error}; the finished run is in the attribute "
                "`result` of this exception",
                code="write",
            )
            self.failure.__cause__ = error

    # -- the folder -----------------------------------------------------------------------------

    def _claim(self) -> None:
        """Write the identity of this run, or compare it with the one that is there."""
        path = self.path / f"{RUN}{SUFFIX}"
        for part in self.path.iterdir():
            if LEFT_BEHIND.fullmatch(part.name):
                part.unlink(missing_ok=True)
        if path.exists():
            header, _ = self._read(path, RUN)
            if header["run"] != self._identity:
                self._refuse_other(path, header["run"])
            return
        write_whole(path, packed(RUN, {"run": self._identity}, {}))

    def _refuse_strangers(self) -> None:
        """Refuse a folder that holds files but no run."""
        names = sorted(file.name for file in self.path.iterdir() if file.name != LOCK)
        ours = [name for name in names if OURS.fullmatch(name) or LEFT_BEHIND.fullmatch(name)]
        if names and not ours:
            raise CheckpointError(
                f"{quote(self.path, 200)} holds {quote(names[0])} and no run of scaling_fast; give the run a "
                "folder of its own",
                code="foreign",
            )

    def _read(self, path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            return unpacked(kind, path.read_bytes())
        except Damaged as error:
            raise CheckpointError(
                f"{quote(path, 200)} cannot be used: {error}; remove it to compute its replicates again",
                code="damaged",
            ) from error
        except Foreign as error:
            raise CheckpointError(
                f"{quote(path, 200)} cannot be used: {error}", code="foreign"
            ) from error
        except OSError as error:
            raise CheckpointError(
                f"{quote(path, 200)} cannot be read: {error}", code="read"
            ) from error

    def _refuse_other(self, path: Path, theirs: Any) -> None:
        other = [name for name in self._identity if theirs.get(name) != self._identity[name]]
        raise CheckpointError(
            f"{quote(path, 200)} belongs to a run with another {' and another '.join(other)}; give each run a "
            "folder of its own",
            code="other_run",
        )

    # -- the lock -------------------------------------------------------------------------------

    def _take_lock(self) -> None:
        # In one step, because the locks of files do not distinguish threads of one process.
        if _open_here.setdefault(self._key, self) is not self:
            self._refuse_locked(None)
        try:
            # The lock ends with the process, however that ends; a marker file would outlive a crash.
            file = (self.path / LOCK).open("ab")
        except OSError:
            del _open_here[self._key]
            raise
        try:
            _lock(file)
        except OSError as error:
            file.close()
            del _open_here[self._key]
            self._refuse_locked(error)
        self._lock = file

    def _refuse_locked(self, error: OSError | None) -> None:
        raise CheckpointError(
            f"{quote(self.path, 200)} is being written by another run; wait for it, or give a folder of its own",
            code="locked",
        ) from error

    def _release(self) -> None:
        if self._lock is not None:
            # The file first: closing it releases every lock that the process has on it.
            self._lock.close()
            self._lock = None
            _open_here.pop(self._key, None)


def _identity(job: Job) -> dict[str, str]:
    """Return what identifies a run: name -> text or sha256."""
    header, arrays = unpacked("task", job.to_bytes())
    question = header["question"]
    data = _sum_of(arrays, [name for name in arrays if name.startswith("question:")])
    table = {} if job.plan.table is None else {"table": job.plan.table}
    drawn = _sum_of(table, list(table))
    return {
        "version of scaling_fast": str(header["version"]),
        "formula": f"{question['formula']} of {question['columns']}",
        "loss": f"{question['loss']} of {question['residual']} residuals {question['offset']}",
        "set of parameters' bounds": f"{question['params']}",
        "data": data.hexdigest(),
        "fit to start from": hashlib.sha256(arrays["params"].tobytes()).hexdigest(),
        "scheme": f"{header['plan']} {drawn.hexdigest()}",
        "seed": str(job.seed),
        "number of starts": str(job.starts),
    }


def _sum_of(arrays: Mapping[str, NDArray[Any]], names: Sequence[str]) -> Any:
    """Return the sha256 of named arrays, in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(names):
        found.update(f"{name} {arrays[name].dtype.str}\n".encode() + arrays[name].tobytes())
    return found


def _finished(answer: Answer) -> list[tuple[int, int]]:
    """Return the ranges of replicates that every group has finished: first and end."""
    done = (answer.status != status_code("unfinished")).all(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], done.astype(np.int8), [0]])))
    return [
        (answer.first + int(a), answer.first + int(b))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def _lock(file: Any) -> None:
    """Take the lock of a file for this process, or raise OSError at once."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
