"""Independent generators from one seed, one for each purpose."""

from __future__ import annotations

import numpy as np
import torch

from harmonium.errors import InputError


def generator_for(seed: int, *purpose: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on the seed and the purpose alone.

    What is drawn from it can be drawn again without saving anything: the order of epoch 7, say, is a function of the
    seed and 7. The numbers are hashed by numpy's `SeedSequence`, so neighbouring seeds give unrelated streams.

    Parameters
    ----------
    seed : int
        The seed that the person chose, at least 0.
    *purpose : int
        Numbers, at least 0, that name the purpose, such as `EPOCH_ORDER` and the number of the epoch.
    device : torch.device
        Where the random numbers are to be made.

    Raises
    ------
    InputError
        When the seed is negative.
    """
    if seed < 0:
        raise InputError(f"the seed is {seed}, but must be at least 0")
    words = np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(words[0] >> np.uint64(1)))


# Names of purposes. A number once used keeps its meaning, or old runs could not be resumed.
TRAINING, EPOCH_ORDER, VALIDATION_SPLIT, WEIGHTS, MEASURE, DREAM, EVALUATE, DIAGNOSE, TUNE, UP_DOWN, SUBSET = range(11)
DISTORTION = 11
