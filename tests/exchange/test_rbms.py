"""Files of rbms: what they say of a state is what we say; and files that are none."""

import h5py
import numpy as np
import pytest
import torch

from harmonium.errors import InputError, StorageError
from harmonium.exchange import read_rbms, write_rbms
from models import random_states, small_rbm


def test_there_and_back(tmp_path):
    rbm, chains = small_rbm().float(), torch.ones(7, 4)
    write_rbms(tmp_path / "model.h5", rbm, chains, update=12, settings={"learning_rate": 0.5})
    read, found = read_rbms(tmp_path / "model.h5")
    assert all(torch.equal(one, other) for one, other in zip(rbm.parameters(), read.parameters(), strict=True))
    assert torch.equal(found, chains)
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]


def test_rbms_reads_it_and_says_the_same(tmp_path, generator):
    io = pytest.importorskip("rbms.io")
    rbm = small_rbm(n=6, m=5).float()
    write_rbms(tmp_path / "model.h5", rbm)
    theirs, chains, _, settings = io.load_model(tmp_path / "model.h5", 1, torch.device("cpu"), torch.float32, True)
    states = random_states(rbm.visible, 20, generator).float()
    assert torch.allclose(theirs.compute_energy_visibles(states), rbm.free_energy(states), atol=1e-5)
    assert chains["visible"].shape == (100, 6)
    assert settings["learning_rate"] == 0.01


def test_what_rbms_writes_is_read(tmp_path, generator):
    io = pytest.importorskip("rbms.io")
    classes = pytest.importorskip("rbms.bernoulli_bernoulli.classes")
    theirs = classes.BBRBM(torch.randn(6, 5), torch.randn(6), torch.randn(5))
    for update, chains in ((3, torch.zeros(4, 6)), (20, torch.ones(4, 6))):
        io.save_model(str(tmp_path / "model.h5"), theirs * update, {"visible": chains}, update, 1.0)
    states = (torch.rand(20, 6, generator=generator) < 0.5).float()
    for update, factor in ((None, 20), (3, 3)):
        rbm, chains = read_rbms(tmp_path / "model.h5", update)
        expected = (theirs * factor).compute_energy_visibles(states)
        assert torch.allclose(rbm.free_energy(states), expected, rtol=1e-3, atol=1e-3)
        assert torch.equal(chains, torch.ones(4, 6))
    with pytest.raises(InputError, match="no model after 5 updates, but after 3, 20"):
        read_rbms(tmp_path / "model.h5", 5)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_rbms(tmp_path / "model.h5")
    (tmp_path / "text.h5").write_text("weights")
    with pytest.raises(InputError, match="not a model file of rbms, or damaged"):
        read_rbms(tmp_path / "text.h5")
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="has no group update_"):
        read_rbms(tmp_path / "empty.h5")
    with h5py.File(tmp_path / "potts.h5", "w") as file:
        file["model_type"] = "PBRBM"
    with pytest.raises(InputError, match="holds a PBRBM"):
        read_rbms(tmp_path / "potts.h5")
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        for name, shape in (("weight_matrix", (3, 2)), ("vbias", 4), ("hbias", 2)):
            file[f"update_1/params/{name}"] = np.zeros(shape)
    with pytest.raises(InputError, match=r"of shapes \(3, 2\), \(4,\), \(2,\) do not fit"):
        read_rbms(tmp_path / "odd.h5")


def test_chains_that_do_not_fit(tmp_path):
    with pytest.raises(InputError, match=r"chains have shape \(5, 9\), but must be \(chains, 4\)"):
        write_rbms(tmp_path / "model.h5", small_rbm(), torch.zeros(5, 9))
    write_rbms(tmp_path / "model.h5", small_rbm())
    with h5py.File(tmp_path / "model.h5", "a") as file:
        del file["parallel_chains"]
        file["parallel_chains"] = np.zeros((5, 9))
    with pytest.raises(InputError, match="damaged: chains of shape"):
        read_rbms(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        del file["model_type"]
        file["model_type"] = 7
    with pytest.raises(InputError, match=r"holds a|damaged"):
        read_rbms(tmp_path / "model.h5")


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="rbms knows no gaussian and bernoulli layers"):
        write_rbms(tmp_path / "model.h5", small_rbm("gaussian"))
    with pytest.raises(StorageError):
        write_rbms(tmp_path / "nowhere" / "model.h5", small_rbm())
    assert list(tmp_path.iterdir()) == []
