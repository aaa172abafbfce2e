"""Datasets come from the package, a folder or the authors, and never with another checksum."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import socket
import threading
from importlib import resources

import numpy as np
import polars as pl
import pytest

from scaling_fast import datasets, laws
from scaling_fast.errors import DataError, ParameterError, ResourceError

SOURCE = "svg_extracted_data.csv"
POWER = {"E": 1.8, "A": 400.0, "alpha": 0.34}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """No test sees the user's cache, or a folder or mirror he has set."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("SCALING_FAST_DATA", "SCALING_FAST_DATA_URL"):
        monkeypatch.delenv(name, raising=False)


class Authors:
    """A stand-in for the authors' host on this machine."""

    def __init__(self, folder):
        self.folder = folder
        self.asked: list[str] = []
        host = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def do_GET(self):
                host.asked.append(self.path)
                super().do_GET()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def path(self):
        return self.folder / datasets.about("chinchilla").url("http://host").split("/", 3)[3]

    def put(self, content):
        self.path().parent.mkdir(parents=True, exist_ok=True)
        self.path().write_bytes(content)


@pytest.fixture
def authors(tmp_path):
    host = Authors(tmp_path / "host")
    (tmp_path / "host").mkdir()
    yield host
    host.server.shutdown()
    host.server.server_close()


def test_cerebras_is_the_published_table():
    """Dey et al. 2023, arXiv:2304.03208: seven models, two disclosures of the loss."""
    runs = datasets.load("cerebras2023")
    assert runs.columns == ["model", "params", "tokens", "flops", "loss", "loss_model_card"]
    assert runs["loss"].to_list() == [2.608, 2.349, 2.181, 1.997, 1.834, 1.704, 1.572]
    assert runs["loss_model_card"].to_list() == [2.566, 2.299, 2.184, 1.996, 1.834, 1.704, 1.575]
    assert runs["flops"].to_list() == [2.6e18, 1.3e19, 6.1e19, 2.8e20, 1.1e21, 6.3e21, 2.3e22]
    assert runs["params"].to_list() == [111e6, 256e6, 590e6, 1.3e9, 2.7e9, 6.7e9, 13e9]
    assert runs["tokens"][6] == 257e9
    assert all(runs[name].dtype == pl.Float64 for name in runs.columns[1:])


@pytest.mark.parametrize("name", datasets.names())
def test_every_dataset_says_where_it_comes_from(name):
    entry = datasets.about(name)
    for field in ("title", "source", "licence", "citation", "file"):
        assert getattr(entry, field)
    assert len(entry.sha256) == 64
    text = repr(entry)
    assert entry.citation in text
    assert entry.sha256 in text
    assert "<table>" in entry._repr_html_()
    if entry.embedded:
        runs = datasets.load(name)
        assert (runs.height, tuple(runs.columns)) == (entry.rows, entry.columns)
        content = resources.files("scaling_fast.datasets").joinpath(entry.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry.sha256
    else:
        assert len(entry.commit) == 40
        assert entry.commit in entry.url()


def test_an_unknown_dataset_gets_the_nearest_name():
    for ask in (datasets.load, datasets.about):
        with pytest.raises(DataError, match="did you mean `chinchilla`"):
            ask("chincilla")


def test_the_folder_of_the_caller_is_searched_first(reference, tmp_path, monkeypatch):
    """245 rows in the source's order, tokens = flops/(6 params)."""
    path = reference(SOURCE)
    monkeypatch.setenv("SCALING_FAST_DATA", str(path.parent))
    runs = datasets.load("chinchilla", base_url="http://127.0.0.1:9")
    source = pl.read_csv(path)
    assert runs.columns == ["params", "tokens", "flops", "loss"]
    assert runs.height == 245
    assert runs["params"].to_list() == source["Model Size"].to_list()
    assert runs["flops"].to_list() == source["Training FLOP"].to_list()
    assert runs["loss"].to_list() == source["loss"].to_list()
    same = pl.read_csv(reference("chinchilla_epoch.csv"))
    np.testing.assert_allclose(runs["tokens"], same["tokens"], rtol=1e-14)
    assert not (tmp_path / "cache").exists()


def test_a_file_with_another_checksum_is_refused_naming_both(tmp_path, monkeypatch):
    (tmp_path / SOURCE).write_text("Model Size,Training FLOP,loss\n1,2,3\n")
    monkeypatch.setenv("SCALING_FAST_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        datasets.load("chinchilla")
    got = hashlib.sha256((tmp_path / SOURCE).read_bytes()).hexdigest()
    assert caught.value.code == "sha256"
    assert got in str(caught.value)
    assert datasets.about("chinchilla").sha256 in str(caught.value)


def test_a_dataset_is_downloaded_once_and_kept(reference, authors, tmp_path, monkeypatch, capfd):
    """Downloaded with pooch from a pinned commit; here a host of our own."""
    authors.put(reference(SOURCE).read_bytes())
    first = datasets.load("chinchilla", base_url=authors.url)
    monkeypatch.setenv("SCALING_FAST_DATA_URL", authors.url + "/")
    monkeypatch.setenv("SCALING_FAST_DATA", str(tmp_path))  # without the file: no obstacle
    again = datasets.load("chinchilla")
    assert first.equals(again)
    assert first.height == 245
    entry = datasets.about("chinchilla")
    assert authors.asked == [f"/{entry.repository}/{entry.commit}/{entry.path}"]
    assert capfd.readouterr() == ("", "")


def test_a_corrupted_download_is_refused_and_not_kept(reference, authors, tmp_path):
    good = reference(SOURCE).read_bytes()
    authors.put(good[:-2] + b"9\n")
    with pytest.raises(DataError) as caught:
        datasets.load("chinchilla", base_url=authors.url)
    assert datasets.about("chinchilla").sha256 in str(caught.value)
    assert hashlib.sha256(good[:-2] + b"9\n").hexdigest() in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.csv"))
    authors.put(good)
    assert datasets.load("chinchilla", base_url=authors.url).height == 245


def test_a_corrupted_cache_is_downloaded_again(reference, authors, tmp_path):
    authors.put(reference(SOURCE).read_bytes())
    datasets.load("chinchilla", base_url=authors.url)
    (kept,) = (tmp_path / "cache").rglob(SOURCE)
    kept.write_text("broken")
    assert datasets.load("chinchilla", base_url=authors.url).height == 245


def test_a_missing_file_on_the_host_says_how_to_fix_it(authors):
    with pytest.raises(ResourceError, match=r"HTTP status 404.*SCALING_FAST_DATA") as caught:
        datasets.load("chinchilla", base_url=authors.url)
    assert caught.value.code == "not_found"


def test_without_a_network_the_sentence_says_what_to_set():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ResourceError, match="SCALING_FAST_DATA") as caught:
            datasets.load("chinchilla", base_url=closed)
    assert caught.value.code == "offline"
    assert SOURCE in str(caught.value)


def test_a_cache_that_cannot_be_written_is_a_resource_error(reference, authors, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    authors.put(reference(SOURCE).read_bytes())
    with pytest.raises(ResourceError, match="SCALING_FAST_DATA"):
        datasets.load("chinchilla", base_url=authors.url)


def test_a_copy_in_another_folder_is_as_good(reference, tmp_path, monkeypatch):
    shutil.copy(reference(SOURCE), tmp_path / SOURCE)
    monkeypatch.setenv("SCALING_FAST_DATA", str(tmp_path))
    assert datasets.load("chinchilla").height == 245


def test_simulated_runs_without_noise_are_the_law():
    design = {"x": np.geomspace(1e7, 1e10, 12), "run": list("abcdefghijkl")}
    runs = datasets.simulate("power_offset", POWER, design, 0.0, 0)
    assert runs.columns == ["x", "run", "loss"]
    expected = laws.power_offset().evaluate({"x": design["x"]}, POWER)
    assert runs["loss"].to_numpy().tolist() == expected.tolist()


def test_a_seed_is_a_dataset():
    design = pl.DataFrame({"x": np.geomspace(1e7, 1e10, 12)})
    runs = [datasets.simulate("power_offset", POWER, design, 0.01, s)["loss"] for s in (1, 1, 2)]
    assert runs[0].equals(runs[1])
    assert not runs[0].equals(runs[2])


@pytest.mark.parametrize("kind", ["normal", "t3"])
def test_noise_is_the_deviation_of_the_log_residual(kind):
    """40,000 draws: mean within 5 standard errors, quartiles those of the distributions.

    The quartile of Student's t with 3 degrees of freedom is .76489 scale units.
    """
    n, sd = 40_000, 0.02
    design = {"x": np.geomspace(1e7, 1e10, n)}
    runs = datasets.simulate("power_offset", POWER, design, {"sd": sd, "kind": kind}, 7)
    z = np.log(runs["loss"] / laws.power_offset().evaluate(design, POWER)) / sd
    quartile = {"normal": 0.67449, "t3": 0.76489 / np.sqrt(3)}[kind]
    assert abs(z.mean()) < 5 / np.sqrt(n)
    assert np.quantile(z, 0.75) == pytest.approx(quartile, abs=0.03)
    assert np.quantile(z, 0.25) == pytest.approx(-quartile, abs=0.03)


def test_a_formula_finds_its_columns_in_the_design():
    design = pl.DataFrame({"N": [1e8, 1e9], "D": [1e10, 1e11]})
    point = laws.chinchilla().published["besiroglu2024"]["params"]
    one = datasets.simulate("E + A/N**alpha + B/D**beta", point, design, 0.1, 3)
    other = datasets.simulate(laws.chinchilla(), point, design.lazy(), 0.1, 3)
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-14)


def test_the_target_can_be_called_otherwise():
    runs = datasets.simulate("power", {"A": 1.0, "alpha": 0.5}, {"x": [1.0, 4.0]}, target="y")
    assert runs["y"].to_list() == [1.0, 0.5]
    runs = datasets.simulate("log(y) ~ a - b*log(x)", {"a": 0.0, "b": 0.5}, {"x": [1.0, 4.0]})
    assert runs.columns == ["x", "y"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"noise": -1}, ParameterError),
        ({"noise": float("nan")}, ParameterError),
        ({"noise": True}, ParameterError),
        ({"noise": "t3"}, ParameterError),
        ({"noise": {"sd": 0.1, "kind": "cauchy"}}, ParameterError),
        ({"noise": {"sdd": 0.1}}, ParameterError),
        ({"seed": -1}, ParameterError),
        ({"seed": 1.5}, ParameterError),
        ({"seed": True}, ParameterError),
        ({"seed": None}, ParameterError),
        ({"params": {"E": 1.0}}, ParameterError),
        ({"design": {"N": [1.0]}}, DataError),
        ({"design": {"x": ["a"]}}, DataError),
        ({"design": {"x": [0.0]}, "noise": 0.1}, DataError),
        ({"design": {"x": [1.0], "loss": [1.0]}}, ParameterError),
        ({"law": "powr_offset"}, ValueError),
    ],
)
def test_a_simulation_that_makes_no_sense_is_refused(changes, kind):
    ask = {"law": "power_offset", "params": POWER, "design": {"x": [1e7]}, "noise": 0.0, "seed": 0}
    with pytest.raises(kind):
        datasets.simulate(**{**ask, **changes})
