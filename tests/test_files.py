import subprocess
import sys
import textwrap

import pytest
import torch

from harmonium.errors import InputError, StorageError
from harmonium.files import read_tensors, replacing, write_tensors, write_text


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def fail_while_writing(path):
    with replacing(path) as part:
        part.write_text("half")
        raise OSError(28, "No space left on device")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(StorageError, match=r"cannot write .*a\.txt: No space left on device"):
        fail_while_writing(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(StorageError, match="there is no folder"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")


def test_a_full_disk_leaves_the_old_tensors_whole(tmp_path):
    """A real write that the kernel refuses: the process may not write files of more than 20,000 bytes."""
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"x": torch.arange(1000.0)}, {"kept": True})
    script = f"""
        import resource, signal, torch
        from harmonium.errors import StorageError
        from harmonium.files import write_tensors
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            write_tensors({str(path)!r}, {{"x": torch.zeros(100_000)}}, {{}})
        except StorageError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout, done.stderr
    tensors, metadata = read_tensors(path)
    assert torch.equal(tensors["x"], torch.arange(1000.0))
    assert metadata == {"kept": True}
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_views_and_transposes_are_written_as_they_look(tmp_path):
    x = torch.arange(6.0).reshape(2, 3)
    write_tensors(tmp_path / "a.safetensors", {"x": x, "t": x.T}, {})
    tensors, _ = read_tensors(tmp_path / "a.safetensors")
    assert torch.equal(tensors["t"], x.T)


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_a_file_cut_short_is_named(tmp_path, keep):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"x": torch.zeros(10)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.safetensors is cut short, altered"):
        read_tensors(path)


def test_other_safetensors_files_are_told_apart(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="not one that harmonium wrote"):
        read_tensors(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="there is no file"):
        read_tensors(tmp_path / "b.safetensors")
