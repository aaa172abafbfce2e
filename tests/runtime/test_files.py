"""Files: pipes, folders, links and enormous files are refused before they are touched."""

from __future__ import annotations

import os
import stat

import pytest
from decaying import X, Y

import scaling_fast as sf
from scaling_fast.auditing.result import Audit
from scaling_fast.runtime import archive
from scaling_fast.runtime.files import write_text
from scaling_fast.stress.result import Stress

P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)
FRAME = {"x": X, "loss": Y}


@pytest.fixture(scope="module")
def fit():
    return sf.fit(FRAME, "E + A*x**(-alpha)", seed=1)


@pytest.fixture(scope="module")
def boot(fit):
    return sf.bootstrap(fit, sf.Pairs(), n=20, seed=1)


def _pipe(folder):
    os.mkfifo(folder / "pipe.json")
    return folder / "pipe.json"


def test_no_writer_replaces_a_pipe(tmp_path, fit, boot):
    pipe = _pipe(tmp_path)
    test = Stress("coverage", fit.table, ())
    for writer in (fit, boot, test):
        with pytest.raises(sf.errors.CheckpointError, match="named pipe, not a regular file"):
            writer.save(pipe, force=True)
    with pytest.raises(D, match="named pipe, not a regular file"):
        write_text(pipe, "text", force=True)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.json"]


@pytest.mark.parametrize("force", [False, True])
def test_a_result_is_not_saved_over_a_folder_or_a_link(tmp_path, fit, force):
    (tmp_path / "folder").mkdir()
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "loose").symlink_to("nowhere")
    for name in ("folder", "link", "loose"):
        with pytest.raises(sf.errors.CheckpointError, match="not a regular file") as caught:
            fit.save(tmp_path / name, force=force)
        assert caught.value.code == "path"
    assert (tmp_path / "kept").read_text() == "kept"
    assert not (tmp_path / "nowhere").exists()


def test_a_pipe_is_refused_before_it_is_read(tmp_path):
    pipe = _pipe(tmp_path)  # nobody writes: to open it would be to wait for ever
    with pytest.raises(sf.errors.CheckpointError, match="named pipe, not a regular file"):
        sf.load(pipe)
    with pytest.raises(D, match="named pipe, not a regular file"):
        Audit.load(pipe)
    with pytest.raises(sf.errors.CheckpointError, match="directory, not a regular file"):
        sf.load(tmp_path)


def test_an_enormous_file_is_refused_by_its_size(tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(archive.MOST_BYTES + 1)  # a hole: it takes no space
    with pytest.raises(sf.errors.CheckpointError, match="17,179,869,185 bytes"):
        sf.load(large)


def test_only_regular_files_are_read_and_replaced(tmp_path):
    import os
    import stat

    fit = sf.fit({"x": [1.0, 2.0, 4.0, 8.0], "loss": [4.0, 3.0, 2.5, 2.2]}, "power_offset")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for force in (False, True):
        with pytest.raises(sf.errors.CheckpointError, match="not a regular file"):
            fit.save(pipe, force=force)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    for other in (pipe, tmp_path):
        with pytest.raises(sf.errors.CheckpointError, match="not a regular file"):
            sf.load(other)


def test_a_file_larger_than_any_result_is_refused_before_it_is_read(tmp_path):
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(2**34 + 1)  # sparse: it takes no space
    with pytest.raises(sf.errors.CheckpointError, match="more than"):
        sf.load(huge)
