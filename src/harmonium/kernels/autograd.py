"""Functions through which no gradient flows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

Given = ParamSpec("Given")
Result = TypeVar("Result")


def no_grad(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Decorate a function as ``torch.no_grad()`` does, at no cost where autograd is off already.

    An update of learning calls a dozen such functions one from within another, and to switch off what is off takes
    torch several microseconds each time.
    """
    switched = torch.no_grad()(function)

    @functools.wraps(function)
    def call(*given: Given.args, **named: Given.kwargs) -> Result:
        return (switched if torch.is_grad_enabled() else function)(*given, **named)

    return call
