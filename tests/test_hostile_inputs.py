"""What a hostile or hurried caller hands in: refused by a typed error, before any harm or work."""

from __future__ import annotations

import itertools
import os
import stat
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import scaling_fast as sf
from scaling_fast import saving
from scaling_fast.auditing.run import Audit
from scaling_fast.reporting.files import write_text
from scaling_fast.stress.results import Stress

P, D, F, R = sf.ParameterError, sf.DataError, sf.FormulaError, sf.ResourceError
X = np.geomspace(1.0, 1e4, 12)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=12))
FRAME = {"x": X, "loss": Y}


@pytest.fixture(scope="module")
def fit():
    return sf.fit(FRAME, "E + A*x**(-alpha)", seed=1)


@pytest.fixture(scope="module")
def boot(fit):
    return sf.bootstrap(fit, sf.Pairs(), n=20, seed=1)


# Files


def _pipe(folder):
    os.mkfifo(folder / "pipe.json")
    return folder / "pipe.json"


def test_no_writer_replaces_a_pipe(tmp_path, fit, boot):
    pipe = _pipe(tmp_path)
    test = Stress("coverage", fit.table, ())
    for writer in (fit, boot, test):
        with pytest.raises(sf.CheckpointError, match="named pipe, not a regular file"):
            writer.save(pipe, force=True)
    with pytest.raises(D, match="named pipe, not a regular file"):
        write_text(pipe, "text", force=True)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == ["pipe.json"]


@pytest.mark.parametrize("force", [False, True])
def test_a_result_is_not_saved_over_a_folder_or_a_link(tmp_path, fit, force):
    (tmp_path / "folder").mkdir()
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "loose").symlink_to("nowhere")
    for name in ("folder", "link", "loose"):
        with pytest.raises(sf.CheckpointError, match="not a regular file") as caught:
            fit.save(tmp_path / name, force=force)
        assert caught.value.code == "path"
    assert (tmp_path / "kept").read_text() == "kept"
    assert not (tmp_path / "nowhere").exists()


def test_a_pipe_is_refused_before_it_is_read(tmp_path):
    pipe = _pipe(tmp_path)  # nobody writes: to open it would be to wait for ever
    with pytest.raises(sf.CheckpointError, match="named pipe, not a regular file"):
        sf.load(pipe)
    with pytest.raises(D, match="named pipe, not a regular file"):
        Audit.load(pipe)
    with pytest.raises(sf.CheckpointError, match="directory, not a regular file"):
        sf.load(tmp_path)


def test_an_enormous_file_is_refused_by_its_size(tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(saving.MOST_BYTES + 1)  # a hole: it takes no space
    with pytest.raises(sf.CheckpointError, match="17,179,869,185 bytes"):
        sf.load(large)


# Keys


def _keyed(first, second):
    return {"x": np.tile(X, 2), "loss": np.tile(Y, 2), "run": [first] * 12 + [second] * 12}


def test_whole_numbers_of_64_bits_stay_apart_as_keys():
    table = sf.fit(_keyed(2**63, 2**63 + 1), "E + A*x**(-alpha)", by="run").table
    assert table["run"].to_list() == [2**63, 2**63 + 1]
    assert table["n"].to_list() == [12, 12]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (2**64, 2**64 + 1),
        (-1, -(2**63) - 2),
        (Decimal("0.1"), Decimal("0.10000000000000000001")),
        (Fraction(1, 3), Fraction(3333333333333333333333, 10**22)),
        (2**53, Fraction(2**53 + 1)),
    ],
)
def test_keys_that_no_double_tells_apart_are_refused(first, second):
    frame = _keyed(first, second)
    if float(first) != float(second):  # they stay two groups
        assert sf.fit(frame, "E + A*x**(-alpha)", by="run").table.height == 2
        return
    with pytest.raises(D, match="which no double tells apart") as caught:
        sf.fit(frame, "E + A*x**(-alpha)", by="run")
    assert (caught.value.column, caught.value.row) == ("run", 12)
