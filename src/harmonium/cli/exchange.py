"""Models of other packages in, and ours out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.cli.app import Json, RunPath, app, is_stack, say
from harmonium.errors import InputError


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An HDF5 model file of the package rbms.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")] = Path("model.safetensors"),
    update: Annotated[int | None, typer.Option(help="After how many updates; by default the last.")] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="HEIGHTxWIDTH", help="Where the visible units are pixels, as in 28x28.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a model of the package rbms, and write it as a model file of harmonium.

    Example:

        harmonium import RBM.h5 --out model.safetensors --shape 28x28
    """
    from harmonium import save_model
    from harmonium.exchange import read_rbms

    if out.suffix != ".safetensors":
        raise InputError(f"{out} does not end in .safetensors: model files of harmonium do")
    rbm, _ = read_rbms(path, update)
    save_model(out, rbm, image_shape=_image_shape(shape, rbm.visible.size))
    facts = {"model": str(out), "visible": rbm.visible.size, "hidden": rbm.hidden.size}
    lines = f"{rbm.visible.size} visible and {rbm.hidden.size} hidden units: {out}", f"now: harmonium dream {out}"
    say(as_json, facts, *lines)


def _image_shape(shape: str | None, units: int) -> tuple[int, int] | None:
    """Return (height, width) for so many visible units."""
    if shape is None:
        return None
    height, _, width = shape.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) * int(width) == units):
        raise InputError(f"--shape is {shape!r}, but must be height x width of {units} visible units, as in 28x28")
    return int(height), int(width)


@app.command()
def export(
    path: RunPath,
    out: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .h5 file for the package rbms, or an .onnx file of the way up."),
    ],
    as_json: Json = False,
) -> None:
    """Write a model for other programs: HDF5 for the package rbms, or E[h | v] as ONNX.

    Examples
    --------
        harmonium export runs/mnist model.h5

        harmonium export runs/mnist features.onnx
    """
    from harmonium.deep import StackRun
    from harmonium.exchange import export_onnx, write_rbms
    from harmonium.training import Run, open_model

    if out.suffix not in (".h5", ".hdf5", ".onnx"):
        raise InputError(f"{out} ends in neither .h5 nor .onnx: the ending says what to write")
    if out.suffix == ".onnx":
        export_onnx(StackRun(path).model().dbn if is_stack(path) else open_model(path).rbm, out)
    elif is_stack(path):
        raise InputError(f"{path} is a stack, which rbms does not know: export one layer, as {path}/layer-1")
    elif path.is_dir():
        write_rbms(out, open_model(path).rbm, **_about(Run(path)))
    else:
        write_rbms(out, open_model(path).rbm)
    say(as_json, {"file": str(out)}, str(out))


def _about(run: Any) -> dict[str, Any]:
    """Return the chains of a run, the number of its updates, and its settings in the words of rbms."""
    settings, records, chains = run.settings(), run.records(), run.chains()
    known = {"batch_size": settings.batch_size, "gibbs_steps": settings.steps, "learning_rate": settings.learning_rate}
    known |= {"L1": settings.l1, "L2": settings.weight_decay, "seed": settings.seed}
    updates = records[-1].update if records else 1
    return {"chains": None if chains is None else chains.visible, "update": updates, "settings": known}
