"""harmonium train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.cli.app import DataDir, Json, app, is_stack, logger, say, settings_of, was_given
from harmonium.cli.stack import train_stack
from harmonium.errors import InputError


@app.command()
def train(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(
            help="mnist, mnist5k, fashion-mnist, digits, bars-and-stripes (or bars-and-stripes:3x5), "
            "or an .npy, .npz, .csv, .parquet or idx file."
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="Where the other settings come from: best, ptt, pcd or hinton2010; see --show. "
            "Of a stack one for all layers, or one for each, as in pcd,best."
        ),
    ] = "best",
    show: Annotated[bool, typer.Option("--show", help="Print the settings, and train nothing.")] = False,
    minutes: Annotated[
        float | None, typer.Option(help="Plan as many epochs as fit into this time, instead of --epochs.")
    ] = None,
    hidden: Annotated[int, typer.Option(help="Number of hidden units.")] = 500,
    layers: Annotated[
        str | None,
        typer.Option(help="A stack instead: the hidden units of each layer from the bottom, as in 500,500,2000."),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Put --layers on top of this RBM or stack, or RUN/layer-2, trained on the same data.",
        ),
    ] = None,
    labels: Annotated[bool, typer.Option("--labels", help="The top layer of a stack learns the classes too.")] = False,
    transposed: Annotated[
        bool, typer.Option("--transposed", help="Layers start as the one below upside down, where that fits.")
    ] = False,
    visible: Annotated[str, typer.Option(help="Visible units: bernoulli or gaussian.")] = "bernoulli",
    hidden_units: Annotated[str, typer.Option(help="Hidden units: bernoulli or gaussian.")] = "bernoulli",
    method: Annotated[
        str | None, typer.Option(help="Model term of the gradient: cd, pcd, fast-pcd, pt, ptt or exact.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Gibbs steps an update.")] = None,
    final_steps: Annotated[int | None, typer.Option(help="To so many Gibbs steps their number grows.")] = None,
    chains: Annotated[int | None, typer.Option(help="Persistent chains, whatever the batch size.")] = None,
    final_chains: Annotated[int | None, typer.Option(help="To so many chains their number grows.")] = None,
    gradient: Annotated[
        str | None, typer.Option(help="Its coordinates: plain, centered, enhanced or standardized.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Planned total of passes over the training data.")] = None,
    stop_after: Annotated[int | None, typer.Option(help="End this invocation after so many epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples an update.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Where it starts; by default chosen for method, batch, length and units.")
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of sgd and rmsprop.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="L2, on the weights only.")] = None,
    l1: Annotated[float | None, typer.Option(help="L1, on the weights only.")] = None,
    max_norm: Annotated[float | None, typer.Option(help="Largest norm of the weights into a hidden unit.")] = None,
    sparsity_target: Annotated[float | None, typer.Option(help="How active hidden units ought to be.")] = None,
    sparsity_cost: Annotated[float | None, typer.Option(help="How much that counts.")] = None,
    clip: Annotated[float | None, typer.Option(help="Largest norm of the gradient.")] = None,
    averaging: Annotated[float | None, typer.Option(help="Decay of the averaged parameters; 0 for none.")] = None,
    hidden_bias: Annotated[float | None, typer.Option(help="Where the hidden biases start.")] = None,
    optimizer: Annotated[str, typer.Option(help="An optimiser of torch.optim: sgd, adam, ...")] = "sgd",
    schedule: Annotated[
        str | None, typer.Option(help="Learning rate over the epochs: constant, linear, cosine or exponential.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="End after so many measurements without a better validation likelihood; keep the best."),
    ] = None,
    decay_raises: Annotated[
        int | None, typer.Option(help="So often lost patience multiplies the weight decay by five first.")
    ] = None,
    likelihood_share: Annotated[
        float | None, typer.Option(help="Share of the time that the live log-likelihood may take.")
    ] = None,
    binarize: Annotated[
        str | None, typer.Option(help="sample (default), threshold or none: how intensities become 0 and 1.")
    ] = None,
    distort: Annotated[
        float | None, typer.Option(help="Share of the examples that are learned distorted a little, of images.")
    ] = None,
    standardize: Annotated[bool, typer.Option(help="Standardise the columns for gaussian visible units.")] = True,
    validation: Annotated[
        str | None, typer.Option(metavar="FILE|FRACTION", help="A tenth by default, 0 for none.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="auto, float32, or mixed: weights for sampling, and means, in 16 bits (GPU: TF32).")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Decides all randomness.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the measurements there for TensorBoard, too.")
    ] = None,
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/DATA by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out to its planned total.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Train an RBM and draw what it learned.

    Examples
    --------
        harmonium train mnist --hidden 500 --out runs/mnist

        harmonium train mnist --minutes 15

        harmonium train mnist --recipe hinton2010 --epochs 10

        harmonium train faces.npy --visible gaussian --hidden 200 --out runs/faces

        harmonium train mnist --layers 500,500,2000 --labels --out runs/dbn

        harmonium train --out runs/mnist --resume
    """
    if layers is not None or (resume and out is not None and is_stack(out)):
        return train_stack(context)
    from harmonium.interrupt import finishing_on_interrupt
    from harmonium.progress import training_progress, waiting
    from harmonium.training import resume_run, start_run

    _check_options(context)
    settings = settings_of(context, recipe)
    if show:
        return say(as_json, settings.to_json(), *_describe_settings(recipe, settings))
    if out is None and data is None:
        raise InputError("name a data set, as in 'harmonium train mnist', or give --out with --resume")
    folder = out or Path("runs") / Path(str(data)).name.replace(":", "-")
    given = {name: value for name, value in context.params.items() if was_given(context, name)}
    if overwrite and is_stack(folder):
        raise InputError(f"{folder} holds a stack, not a run of one RBM: remove it, or choose another --out")
    if not resume and data is None:
        raise InputError("name a data set, as in 'harmonium train mnist'")
    with waiting("Reading the data (the very first time, compiling too)"):
        if resume:
            _check_same(folder, given)
            run, state, ready = resume_run(folder, data_dir=data_dir, epochs=given.get("epochs"))
        else:
            run, state, ready = start_run(
                folder,
                str(data),
                settings,
                data_dir=data_dir,
                validation=validation,
                overwrite=overwrite,
                minutes=minutes,
            )
    if not as_json:
        held_out = 0 if ready.validation is None else len(ready.validation)
        typer.echo(
            f"{len(ready.train):,} training and {held_out:,} validation examples of {ready.train.width} values; "
            f"{ready.preparation.describe()}"
            + (f"; {state.settings.distort:.0%} of each epoch are distorted copies" if state.settings.distort else "")
        )
    logged = logger(tensorboard)
    with training_progress(state) as shown, finishing_on_interrupt() as interrupted:

        def after_update(state: Any) -> bool:
            shown.update(state)
            return interrupted()

        for record in run.train(state, ready, stop_after=stop_after, after_update=after_update):
            shown.record(record)
            logged(record)
    _report_training(run, state, as_json)  # first, so that who pressed Ctrl-C need not wait for the pictures
    from harmonium.report import draw_run  # with matplotlib, which need not delay the start

    draw_run(run, ready.monitored_train, ready.monitored_validation)


def _check_options(context: typer.Context) -> None:
    """Refuse options that contradict each other."""
    given = context.params
    for name in ("labels", "transposed", "on"):
        if given[name]:
            raise InputError(f"--{name} is for a stack: give --layers too, as in --layers 500,500,2000")
    if given["stop_after"] is not None and given["stop_after"] < 1:
        raise InputError(f"stop after is {given['stop_after']}, but must be at least 1 epoch")
    if given["resume"] and given["overwrite"]:
        raise InputError("--resume goes on with a run and --overwrite replaces it: give one of them")
    if given["minutes"] is not None and (given["resume"] or given["epochs"] is not None):
        raise InputError("--minutes plans the epochs of a new run: leave out --epochs and --resume")


def _describe_settings(name: str, settings: Any) -> list[str]:
    """Say what a recipe is, and every setting, one a line."""
    from harmonium.training import RECIPES

    lines = [f"{name}: {RECIPES[name][0]}"]
    for key, value in settings.to_json().items():
        open_ = "chosen for the data" if key in ("method", "epochs", "batch_size", "learning_rate") else "none"
        lines.append(f"  --{key.replace('_', '-'):18} {open_ if value is None else value}")
    return lines


def _check_same(folder: Path, given: dict[str, Any]) -> None:
    """Refuse options that differ from those that a run was started with; a new planned total is left to resume_run."""
    from harmonium.training import Run

    config = Run(folder).config()
    stored = config["settings"] | {"data": config["data"], "validation": config["validation"]}
    for name, value in given.items():
        if name in stored and name != "epochs" and not _is_same(value, stored[name]):
            raise InputError(
                f"{folder} was started with {name.replace('_', ' ')} {stored[name]}, not {value}: leave it out "
                "to resume, or start a new run"
            )


def _is_same(given: Any, stored: Any) -> bool:
    """Whether an option says what is stored: the same value, number or file."""
    try:
        return float(given) == float(stored)
    except (TypeError, ValueError):
        return bool(given == stored or Path(str(given)).resolve() == Path(str(stored)))


def _report_training(run: Any, state: Any, as_json: bool) -> None:
    """Say where the run stands and what to do next."""
    from harmonium.progress import describe

    records = run.records()
    last = json.loads(records[-1].to_json()) if records else None
    finished = state.finished
    lines = [f"{run.folder}: {state.epochs_done} of {state.epochs} epochs in {state.seconds:.1f} s"]
    if finished and state.epochs_done < state.epochs:
        lines.append(
            f"Ended early: the validation log-likelihood fell below {state.best_value:.2f} nats in {state.waited} "
            "measurements; the model with that one is kept"
        )
    if records:
        lines.append(f"{describe(records[-1])}, {records[-1].examples_per_second:,.0f} examples/s")
    if finished:
        lines.append(f"Open {run.folder / 'report.html'}, or let it dream: harmonium dream {run.folder}")
    else:
        lines.append(f"Stopped before the planned end; to go on: harmonium train --out {run.folder} --resume")
    facts = {"run": str(run.folder), "epochs": state.epochs_done, "finished": finished, "last": last}
    say(as_json, facts, *lines)
