"""scikit-learn's example of its RBM with both classes: digits moved by a pixel, features, logistic regression.

    python benchmarks/pipeline.py --seeds 5

Prints the accuracy on test images and the seconds that fitting the RBM took, alternating; the accuracy for the pixels
themselves beside it.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from scipy.ndimage import shift
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM as Theirs

from harmonium.sklearn import BernoulliRBM

MOVES = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))


def images(seed: int) -> list[np.ndarray]:
    """Return training and test images and their classes: every digit, and it moved in four directions."""
    X, y = load_digits(return_X_y=True)
    X = np.concatenate([[shift(image, move).ravel() for image in X.reshape(-1, 8, 8)] for move in MOVES])
    return list(train_test_split(X.clip(0, 16) / 16, np.tile(y, len(MOVES)), test_size=0.2, random_state=seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--components", type=int, default=100)
    arguments = parser.parse_args()
    regression = LogisticRegression(C=6000, max_iter=2000)
    accuracy: dict[str, list[float]] = {"pixels": [], "scikit-learn": [], "harmonium": []}
    seconds: dict[str, list[float]] = {"scikit-learn": [], "harmonium": []}
    for seed in range(arguments.seeds):
        train, test, classes, test_classes = images(seed)
        accuracy["pixels"].append(clone(regression).fit(train, classes).score(test, test_classes))
        for name, kind in (("scikit-learn", Theirs), ("harmonium", BernoulliRBM)):
            rbm = kind(
                arguments.components,
                learning_rate=0.06,
                n_iter=10,
                batch_size=arguments.batch_size,
                random_state=seed,
            )
            clock = time.perf_counter()
            rbm.fit(train)
            seconds[name].append(time.perf_counter() - clock)
            features = rbm.transform(train)
            accuracy[name].append(clone(regression).fit(features, classes).score(rbm.transform(test), test_classes))
    for name, found in accuracy.items():
        took = f", fitted in {statistics.median(seconds[name]):.2f} s" if name in seconds else ""
        each = ", ".join(f"{100 * value:.1f}" for value in found)
        print(f"{name:12}: {100 * statistics.mean(found):.2f} % of the test images right ({each}){took}")


if __name__ == "__main__":
    main()
