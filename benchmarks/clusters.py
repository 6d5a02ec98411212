"""PCD and trajectory tempering where chains do not cross: MNIST's 0 against 1, the rest removed.

    python benchmarks/clusters.py [--epochs 60] [--seed 0]

Both train the same centred model of 100 hidden units with the same number of updates. Then the chains of each are told
apart by a classifier trained on the real digits (logistic regression): the share of ones against that of the data, with
the standard error of the count, and the test log-likelihood with its bracket side by side.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from harmonium.data import Cases, Dataset, load
from harmonium.likelihood import base_of_states, log_likelihood, log_partition
from harmonium.training import materials, recipe, start, train


def zeros_and_ones() -> tuple[Dataset, torch.Tensor, torch.Tensor]:
    """Return the digits 0 and 1 as bytes, their labels, and binary test images."""
    mnist = load("mnist")
    labels, test_labels = mnist.train_labels, mnist.test_labels
    assert labels is not None
    assert test_labels is not None
    assert mnist.test is not None
    train_rows, test_rows = ((x < 2).nonzero().flatten() for x in (labels, test_labels))
    images = mnist.train.values[train_rows]
    test = mnist.test.values[test_rows].float() / 255
    binary = (torch.rand(test.shape, generator=torch.Generator().manual_seed(1)) < test).float()
    return Dataset("zeros and ones", Cases(images), image_shape=(28, 28)), labels[train_rows], binary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    dataset, labels, test = zeros_and_ones()
    share = float((labels == 1).float().mean())
    judge = LogisticRegression(max_iter=200).fit(dataset.train.values.numpy() / 255, labels.numpy())
    print(f"share of ones in the data: {share:.3f}")
    for method in ("pcd", "ptt"):
        settings = recipe(
            "best",
            method=method,
            hidden=arguments.hidden,
            epochs=arguments.epochs,
            batch_size=250,
            chains=500,
            learning_rate=arguments.learning_rate,
            seed=arguments.seed,
            patience=None,
        )
        data = materials(dataset, settings)
        state = start(settings, data)
        for record in train(state, data):
            last = record
        rbm = state.model.requires_grad_(False)
        z = log_partition(
            rbm,
            "ais",
            base=base_of_states(rbm, data.monitored_train),
            examples=data.monitored_train,
            generator=torch.Generator().manual_seed(0),
        )
        found = log_likelihood(rbm, test, z)
        assert state.chains is not None
        ones = judge.predict(rbm.mean_visible_given_hidden(rbm.hidden.sample(state.chains.hidden_field)).numpy())
        dreamt, count = float(np.mean(ones == 1)), len(ones)
        error = math.sqrt(share * (1 - share) / count)
        print(
            f"{method}: {dreamt:.3f} of {count} chains are ones ({(dreamt - share) / error:+.1f} standard errors); "
            f"test log-likelihood {found.value:.2f}, between {found.lower:.2f} and {found.upper:.2f}; live "
            f"{last.log_likelihood:.2f} +- {last.log_likelihood_error:.2f}; {last.seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
