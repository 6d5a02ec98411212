"""What a model file holds, and what this machine offers."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

import harmonium
from harmonium.deep import StackRun
from harmonium.kernels import has_tiles, multiplies_pairs, why_not
from harmonium.training import Run, open_model


def about_machine() -> dict[str, Any]:
    """Return versions, processor, threads and device of this installation."""
    return {
        "harmonium": harmonium.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "kernels": f"torch ({why_not()})" if why_not() else "compiled",
        "mixed_precision": _mixed_precision(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _mixed_precision() -> str:
    """Say what sampling from rounded weights is worth on this processor."""
    if why_not():
        return "no: it needs the compiled kernels"
    if not multiplies_pairs():
        return "no: the processor multiplies no pairs of 16 bits (AVX2, AVX-512 VNNI) and has no matrix registers"
    if has_tiles():
        return "yes: products in bfloat16 in matrix registers (AMX); those of float32 too, in three parts"
    return "yes: products with weights of 16 bits, two rows at once; fewer rows where states are sparse"


def about_model(path: Path) -> dict[str, Any]:
    """Return what a run folder or a model file holds.

    Raises
    ------
    InputError
        When there is no model, or it is damaged.
    """
    model = open_model(path)
    rbm = model.rbm
    facts: dict[str, Any] = {
        "visible": f"{rbm.visible.size} {rbm.visible.family}",
        "hidden": f"{rbm.hidden.size} {rbm.hidden.family}",
        "parameters": sum(parameter.numel() for parameter in rbm.parameters()),
        "dtype": str(rbm.weights.dtype).removeprefix("torch."),
        "preparation": model.preparation.describe(),
    }
    if path.is_dir():
        run = Run(path)
        settings, records = run.settings(), run.records()
        facts |= {
            "data": run.config()["data"],
            "method": f"{settings.method}-{settings.steps}" if settings.method != "exact" else "exact",
            "epochs": f"{records[-1].epoch if records else 0} of {settings.epochs}",
        }
        if records:
            measured = (
                "seconds",
                "reconstruction_error",
                "pseudo_log_likelihood",
                "free_energy_gap",
                "weight_norm",
            )
            facts |= {name: _rounded(getattr(records[-1], name)) for name in measured}
    return facts


def about_stack(folder: Path) -> dict[str, Any]:
    """Return what the folder of a stack holds.

    Raises
    ------
    InputError
        When it has not been trained to the top, or is damaged.
    """
    run = StackRun(folder)
    stack, config = run.model(), run.config()
    dbn = stack.dbn
    facts: dict[str, Any] = {
        "units": "-".join(map(str, dbn.sizes)),
        "labels": dbn.classes,
        "parameters": sum(parameter.numel() for rbm in dbn.layers for parameter in rbm.parameters()),
        "fine_tuned": "no" if dbn.tied or len(dbn.layers) == 1 else "up and down",
        "classifier": "yes" if (folder / "classifier.safetensors").exists() else "no",
        "preparation": stack.preparation.describe(),
        "data": config["data"],
    }
    for number in range(1, len(dbn.layers) + 1):
        settings, records = run.layer(number).settings(), run.layer(number).records()
        facts[f"layer_{number}"] = (
            f"{settings.method}-{settings.steps}, {records[-1].epoch if records else 0} of {settings.epochs} epochs"
        )
    return facts


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
