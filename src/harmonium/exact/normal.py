"""The one model with real-valued layers on both sides that has a closed form: Gaussian with Gaussian."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.errors import InputError
from harmonium.rbm import RBM
from harmonium.units import Gaussian


class JointNormal(NamedTuple):
    """The joint distribution of (v, h), a normal one.

    Attributes
    ----------
    mean : Tensor, shape (n + m,)
    covariance : Tensor, shape (n + m, n + m)
    log_partition : Tensor, shape ()
        log Z in nats.
    """

    mean: Tensor
    covariance: Tensor
    log_partition: Tensor


def joint_normal(rbm: RBM) -> JointNormal:
    r"""Return mean, covariance and log Z of a Gaussian-Gaussian RBM.

    With x = (v, h), b the biases and A = [[diag(precision_v), -W], [-W^T, diag(precision_h)]], the energy is
    x^T A x / 2 - b^T x, so that x ~ Normal(A^-1 b, A^-1) and

        log Z = b^T A^-1 b / 2 + (n + m) log(2 pi) / 2 - log det(A) / 2

    Raises
    ------
    InputError
        When a layer is not Gaussian, or A is not positive definite: then exp(-E) has no integral and the model is no
        distribution.
    """
    visible, hidden = rbm.visible, rbm.hidden
    if not (isinstance(visible, Gaussian) and isinstance(hidden, Gaussian)):
        raise InputError(
            f"the closed form needs gaussian units on both sides, not {visible.family} and {hidden.family}"
        )
    top = torch.cat([torch.diag(visible.precision), -rbm.weights], 1)
    bottom = torch.cat([-rbm.weights.T, torch.diag(hidden.precision)], 1)
    factor, failed = torch.linalg.cholesky_ex(torch.cat([top, bottom], 0))
    if failed:
        raise InputError(
            "the weights are too large for the precisions: exp(-energy) has no finite integral, so this "
            "gaussian-gaussian model is no distribution"
        )
    covariance = torch.cholesky_inverse(factor)
    bias = torch.cat([visible.bias, hidden.bias])
    mean = covariance @ bias
    half_log_determinant = factor.diagonal().log().sum()
    log_partition = bias @ mean / 2 + len(bias) * math.log(2 * math.pi) / 2 - half_log_determinant
    return JointNormal(mean, covariance, log_partition)
