"""Fits, bootstraps and their summaries in one file: a zip of JSON and Arrow, nothing that could run."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from scaling_fast.errors import CheckpointError, quote
from scaling_fast.findings import Finding
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.status import status_dtype
from scaling_fast.frames import Table
from scaling_fast.laws import Law
from scaling_fast.losses.registry import loss_from_spec
from scaling_fast.losses.residual import LogExcess
from scaling_fast.resampling import schemes
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.plan import plan_of
from scaling_fast.resampling.result import Bootstrap
from scaling_fast.resampling.schemes.entries import scheme_entry, scheme_from_entry
from scaling_fast.resampling.streaming.moments import from_frames, to_frames
from scaling_fast.resampling.streaming.summary import BootstrapSummary
from scaling_fast.runtime.files import irregular, read_regular
from scaling_fast.runtime.process import require_usable_process

__all__ = ["load", "save"]

Result: TypeAlias = Fit | Bootstrap | BootstrapSummary

SCHEMA = "scaling-fast/1"

MAGIC = b"scaling_fast 1\n"
"""What a file begins with, before the sha256 of the rest."""

MOST_BYTES = 2**34
"""Unpacked size above which a file is refused: a small file that unpacks to more is no result of ours."""


KINDS: dict[type, str] = {Fit: "fit", Bootstrap: "bootstrap", BootstrapSummary: "summary"}


def save(result: Result, path: str | Path, *, force: bool = False) -> None:
    """Write a fit, a bootstrap or the summary of one; an existing file is kept unless `force`.

    The file is written beside its place and moved there when it is whole.

    Raises
    ------
    CheckpointError
        For an existing file, one that cannot be written, and anything that is no regular file
        (a device, a pipe, a link, a directory), with or without `force`.
    """
    require_usable_process()
    try:
        path = Path(path)
        if b"\0" in os.fsencode(path):
            raise ValueError("it holds a null character")
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        exists = os.path.lexists(path)
        kind = irregular(path)
    except (TypeError, ValueError, OSError) as error:
        raise CheckpointError(f"{quote(path)} is no path: {error}", code="path") from error
    if kind is not None:
        raise CheckpointError(
            f"{quote(path)} is {kind}, not a regular file; choose another path", code="path"
        )
    if exists and not force:
        raise CheckpointError(f"{quote(path)} exists; pass force=True to replace it", code="exists")
    try:
        with part.open("xb") as file:
            file.write(to_bytes(result))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise CheckpointError(f"{quote(path)} cannot be written: {error}", code="write") from error


def load(path: str | Path) -> Result:
    """Return the fit, bootstrap or summary that `save` wrote; nothing is fitted again.

    Raises
    ------
    CheckpointError
        For a file that is missing, damaged, or of another kind or version, and for a path that is
        no regular file.

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
    require_usable_process()
    try:
        raw = read_regular(path, MOST_BYTES)
    except (TypeError, ValueError, OSError) as error:
        raise CheckpointError(f"{quote(path)} cannot be read: {error}", code="read") from error
    return from_bytes(raw, str(path))


def to_bytes(result: Result) -> bytes:
    """Return the bytes of the file that `save` writes."""
    fit = result if isinstance(result, Fit) else result.fit
    request, table = fit.request, fit.request.table
    entry: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": KINDS[type(result)],
        "law": request.law.to_dict(),
        "loss": list(request.loss.spec()),
        "residual": _residual_entry(request.residual),
        "scale": fit.scale,
        "seed": fit.seed,
        "target": table.target_name,
        "sources": dict(table.sources),
        "dropped": table.dropped,
        "zero_weight": table.zero_weight,
        "findings": [one.as_dict() for one in fit.findings],
        "table_findings": [one.as_dict() for one in table.findings],
    }
    rows: dict[str, Any] = {f"x:{name}": values for name, values in table.arrays.items()}
    rows |= {"target": table.target, "order": table.order}
    rows |= {
        name: values
        for name in ("weights", "sigma")
        if (values := getattr(table, name)) is not None
    }
    proof = {f"c{j}": fit._certificates[:, j] for j in range(3)} | {"global": fit._global}
    frames = {
        "rows": pl.DataFrame(rows),
        "offsets": pl.DataFrame({"offsets": table.offsets}),
        "keys": table.keys,
        "frame": table.frame,
        "table": fit.table,
        "proof": pl.DataFrame(proof),
    }
    if not isinstance(result, Fit):
        entry |= {
            "scheme": scheme_entry(result.scheme),
            "boot_seed": result.seed,
            "n": result.requested,
        }
        if isinstance(result.scheme, schemes.Indices | schemes.Weights):
            array = np.asarray(result.scheme.array)
            frames["scheme"] = pl.DataFrame({f"{j}": array[:, j] for j in range(array.shape[1])})
    if isinstance(result, Bootstrap):
        entry["starts"] = result.starts
        frames["draws"] = result.draws
    elif isinstance(result, BootstrapSummary):
        entry |= {"starts": result.job.starts, "finished": result.finished}
        frames |= to_frames(result.moments)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member("result.json"), json.dumps(entry, allow_nan=False))
        for name, frame in frames.items():
            held = io.BytesIO()
            frame.write_ipc(held)
            archive.writestr(_member(f"{name}.arrow"), held.getvalue())
    payload = buffer.getvalue()
    return MAGIC + hashlib.sha256(payload).digest() + payload


def _member(name: str) -> zipfile.ZipInfo:
    """Return an archive entry without a date, so that equal results are equal files."""
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))


def _residual_entry(residual: str | LogExcess) -> str | list[Any]:
    return residual if isinstance(residual, str) else [residual.param, residual.jacobian]


def _residual(entry: str | list[Any]) -> str | LogExcess:
    return entry if isinstance(entry, str) else LogExcess(entry[0], jacobian=entry[1])


def from_bytes(raw: bytes, name: str) -> Result:
    """Return the result held by the bytes of a file called `name`."""
    head = len(MAGIC)
    payload = raw[head + 32 :]
    if raw[:head] != MAGIC:
        raise CheckpointError(f"{quote(name)} is not a result of scaling_fast", code="foreign")
    if hashlib.sha256(payload).digest() != raw[head : head + 32]:
        raise CheckpointError(
            f"{quote(name)} was cut short or altered: its sha256 does not agree", code="damaged"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                raise CheckpointError(
                    f"{quote(name)} unpacks to more than {MOST_BYTES:,} bytes", code="size"
                )
            entry = json.loads(archive.read("result.json"))
            if entry.get("schema") != SCHEMA:
                raise CheckpointError(
                    f"{quote(name)} has schema {quote(entry.get('schema'))}; this version reads {SCHEMA}",
                    code="schema",
                )
            frames = {
                one.filename.removesuffix(".arrow"): pl.read_ipc(
                    io.BytesIO(archive.read(one.filename))
                )
                for one in archive.infolist()
                if one.filename.endswith(".arrow")
            }
        return _rebuilt(entry, frames)
    except CheckpointError:
        raise
    except Exception as error:  # whatever a damaged file breaks, the reader is told the same thing
        raise CheckpointError(
            f"{quote(name)} is not a result of scaling_fast, or is damaged ({type(error).__name__}: {error})",
            code="damaged",
        ) from error


def _rebuilt(entry: dict[str, Any], frames: dict[str, pl.DataFrame]) -> Result:
    rows = frames["rows"]
    law = Law.from_dict(entry["law"])

    def array(name: str) -> Any:
        return rows[name].to_numpy() if name in rows.columns else None

    table = Table(
        arrays={one.removeprefix("x:"): array(one) for one in rows.columns if one.startswith("x:")},
        target=rows["target"].to_numpy(),
        weights=array("weights"),
        sigma=array("sigma"),
        offsets=frames["offsets"]["offsets"].to_numpy(),
        keys=frames["keys"],
        order=rows["order"].to_numpy(),
        extra=pl.DataFrame(),
        sources=entry["sources"],
        target_name=entry["target"],
        dropped=entry["dropped"],
        zero_weight=entry["zero_weight"],
        frame=frames["frame"],
        findings=tuple(Finding(**one) for one in entry["table_findings"]),
    )
    loss = loss_from_spec(*entry["loss"])
    proof = frames["proof"]
    fit = Fit(
        Request(law, table, loss, _residual(entry["residual"])),
        _with_status(frames["table"], law),
        tuple(Finding(**one) for one in entry["findings"]),
        entry["scale"],
        entry["seed"],
        proof.select("c0", "c1", "c2").to_numpy(),
        proof["global"].to_numpy(),
    )
    if entry["kind"] == "fit":
        return fit
    scheme, seed, starts = (
        scheme_from_entry(entry["scheme"], frames),
        entry["boot_seed"],
        entry.get("starts", 0),
    )
    if entry["kind"] == "summary":
        job = Job.around(fit, plan_of(fit, scheme), seed=seed, starts=starts)
        moments = from_frames(frames, fit.groups)
        return BootstrapSummary(fit, scheme, seed, entry["n"], entry["finished"], job, moments)
    return Bootstrap(fit, scheme, seed, _with_status(frames["draws"], law), entry["n"], starts)


def _with_status(frame: pl.DataFrame, law: Law) -> pl.DataFrame:
    """Return a frame whose status words are of this version's type."""
    taken = [*law.params, *law.derived]
    names = [
        one
        for one in ("status", "fit_status", "draw_status")
        if one in frame.columns and one not in taken
    ]
    return (
        frame.with_columns(pl.col(names).cast(pl.String).cast(status_dtype())) if names else frame
    )
