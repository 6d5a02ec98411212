"""PCD and trajectory tempering on data in clusters between which plain chains do not cross.

    python benchmarks/clusters.py [--epochs 300] [--seeds 3] [--freeze 0.3]

5,000 examples of 100 binary units in two clusters opposite to each other: unit i of a case of the cluster at c is on
with probability sigmoid(3 c u_i), u_i = -1 or 1; c = -1 or 1, the shares of the clusters 1/4 and 3/4. Both methods
train the same model of 14 hidden units with the same number of updates, so that its log-likelihood and its own shares
of the clusters are known from enumeration; the shares of the chains of training, and of dreams (of PCD's model from
noise, of PTT's up its ladder), stand beside them. A case belongs to the nearest centre.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import torch
from torch import Tensor

from harmonium.data import Cases, Dataset
from harmonium.dreaming import CLIMB
from harmonium.exact import exact_samples
from harmonium.gradients.trajectory import FREEZE, TrajectoryTempering
from harmonium.likelihood import exact_log_probability
from harmonium.sampling import Trajectory, dream, gibbs
from harmonium.sampling.trajectory import film
from harmonium.training import materials, recipe, start, train

CENTRES, SHARES, UNITS, STRENGTH = (-1.0, 1.0), (0.25, 0.75), 100, 3.0


def clusters(cases: int, seed: int) -> Tensor:
    """Return cases (cases, 100) of the clusters, as bytes."""
    generator = torch.Generator().manual_seed(seed)
    which = torch.multinomial(torch.tensor(SHARES), cases, replacement=True, generator=generator)
    odds = STRENGTH * torch.tensor(CENTRES)[which][:, None] * direction()
    return (torch.rand(odds.shape, generator=generator) < torch.sigmoid(odds)).to(torch.uint8)


def direction() -> Tensor:
    """Return u, the same for all."""
    return torch.randint(2, (UNITS,), generator=torch.Generator().manual_seed(0)).float() * 2 - 1


def shares(states: Tensor) -> list[float]:
    """Return the share of each cluster among states (cases, 100)."""
    centres = torch.sigmoid(STRENGTH * torch.tensor(CENTRES)[:, None] * direction())
    nearest = torch.cdist(states.float(), centres).argmin(1)
    return [float((nearest == k).double().mean()) for k in range(len(CENTRES))]


def listed(found: list[float]) -> str:
    return "/".join(f"{share:.3f}" for share in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--freeze", type=float, default=FREEZE, help="rate of exchange for a checkpoint")
    arguments = parser.parse_args()
    data, test = clusters(5000, 1), clusters(5000, 2)
    print(f"shares in the training data {listed(shares(data))}, in the test data {listed(shares(test))}")
    for method in ("pcd", "ptt"):
        for seed in range(arguments.seeds):
            settings = recipe(
                "best",
                method=method,
                hidden=14,
                epochs=arguments.epochs,
                batch_size=250,
                chains=500,
                learning_rate=arguments.learning_rate,
                seed=seed,
                patience=None,
                likelihood_share=0.0,
            )
            ready = materials(Dataset("clusters", Cases(data)), settings)
            state = start(settings, ready)
            if isinstance(state.estimator, TrajectoryTempering):
                state.estimator = replace(state.estimator, freeze=arguments.freeze)
            for record in train(state, ready):
                last = record
            rbm = state.model.requires_grad_(False)
            generator = torch.Generator().manual_seed(seed)
            value = float(exact_log_probability(rbm, test.float()).mean())
            model = shares(exact_samples(rbm, 20_000, generator))
            if method == "ptt":
                ladder = [*state.persistent.ladder, rbm]
                *_, dreams = film(Trajectory(ladder), 2000, CLIMB * len(ladder), generator, every=CLIMB * len(ladder))
            else:
                dreams = dream(rbm, gibbs.init_from_noise(rbm, 2000, generator), 1000, generator)
            assert state.chains is not None
            print(
                f"{method}, seed {seed}: test log-likelihood {value:.3f}; shares of the model {listed(model)}, of its "
                f"chains {listed(shares(state.chains.visible))}, of 2,000 dreams {listed(shares(dreams.visible))}; "
                f"{last.seconds:.0f} s" + (f", {len(state.persistent.ladder)} checkpoints" if method == "ptt" else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
