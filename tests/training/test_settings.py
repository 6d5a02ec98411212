import pytest
import torch

from harmonium.errors import InputError
from harmonium.training import Settings
from harmonium.training.beginning import decided


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": 0}, "hidden is 0, but must be at least 1"),
        ({"hidden": -5}, "hidden is -5"),
        ({"steps": 0}, "steps is 0"),
        ({"chains": 0}, "chains is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"learning_rate": 0.0}, "learning rate is 0, but must be a positive number"),
        ({"learning_rate": -0.1}, "learning rate is -0.1"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"learning_rate": float("inf")}, "learning rate is inf"),
        ({"momentum": 1.0}, "momentum is 1"),
        ({"weight_decay": -1.0}, "weight decay is -1"),
        ({"hidden_bias": float("nan")}, "hidden bias is nan"),
        ({"hidden_bias": 1e39}, "from -1000 to 1000"),
        ({"hidden": 10**12}, "must be at most 10000000"),
        ({"optimizer": "rprop"}, "unknown optimizer"),
        ({"seed": -1}, "seed is -1"),
        ({"method": "pdc"}, "unknown method 'pdc': .* did you mean 'pcd'"),
        ({"optimizer": "sdg"}, "unknown optimizer 'sdg': .* did you mean 'sgd'"),
        ({"schedule": "linaer"}, "did you mean 'linear'"),
        ({"visible": "gausian"}, "did you mean 'gaussian'"),
        ({"hidden_units": "relu"}, "unknown hidden unit family 'relu'"),
        ({"binarize": "sampled"}, "did you mean 'sample'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"optimizer": "adam", "momentum": 0.9}, "adam takes no momentum"),
        ({"visible": "gaussian", "binarize": "sample"}, "binarize is for bernoulli visible units"),
    ],
)
def test_wrong_settings_are_a_sentence(settings, message):
    with pytest.raises(InputError, match=message):
        Settings(**settings)


def test_defaults_depend_on_the_other_settings():
    assert Settings().momentum == 0.5
    assert Settings(optimizer="adam").momentum is None
    rates = [decided(Settings(visible=family), 1000, 9).learning_rate for family in ("bernoulli", "gaussian")]
    assert rates == pytest.approx([0.01, 0.001])
    assert Settings(visible="gaussian").binarize == "none"
    assert Settings().binarize == "sample"
    assert Settings().hidden_bias == -1
    assert Settings(hidden_units="gaussian").hidden_bias == 0


def test_json_goes_round():
    settings = Settings(hidden=3, learning_rate=0.1, schedule="cosine")
    assert Settings(**settings.to_json()) == settings


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a cuda device")
def test_cuda_without_a_device(tmp_path):
    from harmonium.training import start_run

    with pytest.raises(InputError, match="torch sees no cuda device"):
        start_run(tmp_path / "run", "bars-and-stripes", Settings(device="cuda"))
    assert not (tmp_path / "run").exists()
