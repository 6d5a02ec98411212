"""MNIST from local folders, the cache, and mirrors on loopback."""

import gzip
import hashlib
import http.server
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from harmonium.data import load
from harmonium.data.idx_sets import FASHION_MNIST, FILES, MNIST, IdxSet
from harmonium.errors import InputError
from support import idx_bytes, write_idx

ARRAYS = [
    np.random.default_rng(0).integers(0, 256, (6, 4, 4)).astype(np.uint8),
    np.arange(6, dtype=np.uint8),
    np.random.default_rng(1).integers(0, 256, (3, 4, 4)).astype(np.uint8),
    np.arange(3, dtype=np.uint8),
]
HASHES = tuple(hashlib.sha256(idx_bytes(array)).hexdigest() for array in ARRAYS)


def small_set(*mirrors, system_folder=None):
    return IdxSet("small", mirrors, HASHES, system_folder)


def fill(folder):
    folder.mkdir(parents=True)
    for name, array in zip(FILES, ARRAYS, strict=True):
        write_idx(folder / name, array)
    return folder


@pytest.fixture
def serve():
    """Serve a folder on loopback; returns the address."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    def start(folder):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def assert_loaded(dataset):
    assert np.array_equal(dataset.train.values.numpy(), ARRAYS[0].reshape(6, 16))
    assert np.array_equal(dataset.test.values.numpy(), ARRAYS[2].reshape(3, 16))
    assert dataset.train_labels.tolist() == list(range(6))
    assert dataset.image_shape == (4, 4)


@pytest.mark.parametrize("place", ["small", "."])
def test_a_given_folder(place, tmp_path):
    fill(tmp_path / "data" / place) if place != "." else fill(tmp_path / "data")
    assert_loaded(small_set().load(tmp_path / "data"))


def test_the_folder_of_the_environment(tmp_path, monkeypatch):
    fill(tmp_path / "data" / "small")
    monkeypatch.setenv("HARMONIUM_DATA", str(tmp_path / "data"))
    assert_loaded(small_set().load(None))


def test_the_folder_of_the_operating_system(tmp_path, monkeypatch):
    monkeypatch.delenv("HARMONIUM_DATA", raising=False)
    assert_loaded(small_set(system_folder=fill(tmp_path / "share")).load(None))


def test_files_that_are_not_gzipped(tmp_path):
    (tmp_path / "small").mkdir()
    for name, array in zip(FILES, ARRAYS, strict=True):
        write_idx(tmp_path / "small" / name.removesuffix(".gz"), array)
    assert_loaded(small_set().load(tmp_path))


def test_a_download_is_kept_in_the_cache(tmp_path, serve, monkeypatch):
    monkeypatch.delenv("HARMONIUM_DATA", raising=False)
    source = fill(tmp_path / "source")
    assert_loaded(small_set(serve(source)).load(None))
    assert_loaded(small_set("http://127.0.0.1:9/").load(None))  # nobody answers there: it came from the cache


def test_the_second_mirror_serves_where_the_first_is_missing_or_altered(tmp_path, serve, monkeypatch):
    monkeypatch.delenv("HARMONIUM_DATA", raising=False)
    good, altered = fill(tmp_path / "good"), fill(tmp_path / "altered")
    write_idx(altered / FILES[0], ARRAYS[0] ^ 1)
    (altered / FILES[1]).write_bytes(gzip.compress(b"")[:-2])
    assert_loaded(small_set("http://127.0.0.1:9/", serve(altered), serve(good)).load(None))


def test_no_network_and_no_copy_says_where_to_put_the_files(tmp_path, monkeypatch):
    monkeypatch.delenv("HARMONIUM_DATA", raising=False)
    with pytest.raises(InputError, match=r"cannot download train-images.*put the file into .*small.*--data-dir"):
        small_set("http://127.0.0.1:9/").load(None)
    assert not list(Path(tmp_path).rglob("*.gz"))


def test_an_altered_download_is_not_kept(tmp_path, serve, monkeypatch):
    monkeypatch.delenv("HARMONIUM_DATA", raising=False)
    source = fill(tmp_path / "source")
    write_idx(source / FILES[0], ARRAYS[0] ^ 1)
    with pytest.raises(InputError, match="gave a file that altered or cut short"):
        small_set(serve(source)).load(None)
    assert not (tmp_path / "cache" / "small" / FILES[0]).exists()


def test_an_altered_local_file_is_named(tmp_path):
    folder = fill(tmp_path / "small")
    write_idx(folder / FILES[2], ARRAYS[2] ^ 1)
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte\.gz is altered or cut short"):
        small_set().load(tmp_path)


def test_a_given_folder_without_the_files_says_which_are_expected(tmp_path):
    with pytest.raises(InputError, match=r"does not hold small: put train-images-idx3-ubyte\.gz, "):
        small_set().load(tmp_path)


def test_the_real_mnist(mnist_folder):
    dataset = load("mnist", mnist_folder)
    assert (len(dataset.train), len(dataset.test), dataset.image_shape) == (60_000, 10_000, (28, 28))
    assert dataset.train_labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_the_real_fashion_mnist():
    if FASHION_MNIST.system_folder is None or not FASHION_MNIST.system_folder.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    assert len(FASHION_MNIST.load(FASHION_MNIST.system_folder).train) == 60_000


def test_the_mirrors_end_in_a_slash():
    assert all(mirror.endswith("/") for mirror in (*MNIST.mirrors, *FASHION_MNIST.mirrors))
