"""Training a stack, fine-tuning it, and predicting with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.cli.app import DataDir, Json, app, logger, say, settings_of, was_given
from harmonium.errors import InputError

StackPath = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a stack.")]


def train_stack(context: typer.Context) -> None:
    """Train the layers of a stack one after the other; the options are those of `harmonium train`."""
    from harmonium.deep import resume_stack, start_stack
    from harmonium.interrupt import finishing_on_interrupt
    from harmonium.progress import training_progress, waiting
    from harmonium.stack_report import draw_stack

    given, as_json = context.params, context.params["as_json"]
    _check_options(context)
    with waiting("Reading the data (the very first time, compiling too)"):
        if given["resume"]:
            stacking = resume_stack(given["out"], data_dir=given["data_dir"])
        else:
            folder = given["out"] or Path("runs") / Path(given["data"]).name.replace(":", "-")
            stacking = start_stack(
                folder,
                given["data"],
                _settings(context),
                on=given["on"],
                labels=given["labels"],
                transposed=given["transposed"],
                data_dir=given["data_dir"],
                validation=given["validation"],
                overwrite=given["overwrite"],
            )
    count, said, left = len(stacking.settings), [], given["stop_after"]
    with finishing_on_interrupt() as interrupted:
        for number, run, state, ready in stacking.layers():
            logged = logger(given["tensorboard"] and given["tensorboard"] / f"layer-{number}")
            with training_progress(state, f"layer {number} of {count}, ") as shown:

                def after_update(state: Any, shown: Any = shown) -> bool:
                    shown.update(state)
                    return bool(interrupted())

                before = state.epochs_done
                for record in run.train(state, ready, stop_after=left, after_update=after_update):
                    shown.record(record)
                    logged(record)
                left = None if left is None else left - (state.epochs_done - before)
            said.append(_layer_line(number, run, state))
            if not as_json:
                typer.echo(said[-1])
            if interrupted() or (left == 0 and not (state.finished and number == count)):
                break
    folder = stacking.run.folder
    finished = stacking.run.model_path.exists()
    if finished:
        draw_stack(stacking.run, given["data_dir"])
    end = f"Open {folder / 'report.html'}, or let it dream: harmonium dream {folder}"
    go_on = f"Stopped before the planned end; to go on: harmonium train --out {folder} --resume"
    say(as_json, {"run": str(folder), "finished": finished, "layers": said}, end if finished else go_on)


def _check_options(context: typer.Context) -> None:
    """Refuse what does not go with a stack."""
    given = context.params
    if given["resume"] and given["overwrite"]:
        raise InputError("--resume goes on with a run and --overwrite replaces it: give one of them")
    if not given["resume"] and given["data"] is None:
        raise InputError("name a data set, as in 'harmonium train mnist --layers 500,500,2000'")
    if given["stop_after"] is not None and given["stop_after"] < 1:
        raise InputError(f"stop after is {given['stop_after']}, but must be at least 1 epoch")
    for name in ("hidden", "minutes", "show"):
        if was_given(context, name):
            raise InputError(f"--{name} is for a single RBM: leave it out with --layers")
    if given["resume"]:
        typed = [name for name in given if was_given(context, name)]
        others = sorted(set(typed) - {"out", "resume", "stop_after", "tensorboard", "data_dir", "as_json"})
        if others:
            name = "the data set" if others[0] == "data" else f"--{others[0].replace('_', '-')}"
            raise InputError(f"a stack is resumed as it was started: leave out {name}")


def _settings(context: typer.Context) -> list[Any]:
    """Return the settings of every layer that is to be trained."""
    from harmonium.deep.foundation import Foundation

    layers = context.params["layers"]
    try:
        sizes = [int(size) for size in layers.split(",")]
    except ValueError:
        raise InputError(f"--layers is {layers!r}, but must be whole numbers with commas, as in 500,500,2000") from None
    recipes = context.params["recipe"].split(",")
    if len(recipes) == 1:
        recipes *= len(sizes)
    if len(recipes) != len(sizes):
        raise InputError(f"there are {len(recipes)} recipes for {len(sizes)} layers: give one for all or one for each")
    for number, size in enumerate(sizes, 1):
        if size < 1:
            raise InputError(f"layer {number} has {size} hidden units, but needs at least 1")
    on, settings = context.params["on"], []
    below = None if on is None else Foundation.of(on).settings()[-1].hidden_units
    for name, size in zip(recipes, sizes, strict=True):
        # The rate depends on the families: those of a layer above the first are both hidden ones.
        settings.append(settings_of(context, name, hidden=size, **({} if below is None else {"visible": below})))
        below = settings[-1].hidden_units
    return settings


def _layer_line(number: int, run: Any, state: Any) -> str:
    """Say how the training of a layer went."""
    from harmonium.progress import describe

    records = run.records()
    line = f"layer {number}: {state.epochs_done} of {state.epochs} epochs in {state.seconds:.1f} s"
    return f"{line}; {describe(records[-1])}" if records else line


@app.command()
def finetune(
    path: StackPath,
    task: Annotated[str, typer.Option(help="classify, or generate (up-down).")] = "classify",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data at the most.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples an update.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Where it starts; it falls.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Of classify.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="L2, of classify.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Share of hidden units left out, of classify.")] = None,
    input_dropout: Annotated[float | None, typer.Option(help="Share of inputs left out, of classify.")] = None,
    adversarial: Annotated[
        float | None,
        typer.Option(help="How far examples are moved against their class, a share of the data's spread, of classify."),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without a lower validation error before it ends, of classify.")
    ] = None,
    guess_weight: Annotated[
        float | None,
        typer.Option(
            help="How much examples count to whom labels spread from their neighbours, with --labelled; 0 for not."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Gibbs steps in the top RBM, of generate.")] = None,
    labelled: Annotated[int | None, typer.Option(help="Learn from so many labels only, of classify.")] = None,
    random_start: Annotated[
        bool, typer.Option("--random-start", help="From random weights, to see what the stack is worth.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Decides all randomness.")] = 0,
    data_dir: DataDir = None,
    as_json: Json = False,
    context: typer.Context = None,  # type: ignore[assignment]
) -> None:
    """Fine-tune a stack: as a classifier, or its generative and recognition weights.

    Examples
    --------
        harmonium finetune runs/dbn --task classify

        harmonium finetune runs/dbn --task classify --labelled 1000

        harmonium finetune runs/dbn --task generate --epochs 50
    """
    from harmonium.deep.fine_tuning import Tuning
    from harmonium.deep.up_down import UpDown
    from harmonium.errors import unknown_name
    from harmonium.interrupt import finishing_on_interrupt
    from harmonium.stacks import classify, generate

    if task not in ("classify", "generate"):
        raise unknown_name("task", task, ("classify", "generate"))
    kind = Tuning if task == "classify" else UpDown
    own = set(kind.__dataclass_fields__) | ({"labelled", "random_start"} if task == "classify" else set())
    _refuse_others(context, own, task)
    given = {name: context.params[name] for name in kind.__dataclass_fields__ if context.params[name] is not None}

    with finishing_on_interrupt() as interrupted:

        def show(record: Any) -> bool:
            if not as_json:
                typer.echo(_epoch_line(record), err=True)
            return bool(interrupted())

        if task == "generate":
            records = generate(path, UpDown(**given), data_dir=data_dir, after_epoch=show)
        else:
            found = classify(
                path,
                Tuning(**given),
                labelled=labelled,
                random_start=random_start,
                data_dir=data_dir,
                announce=lambda line: None if as_json else typer.echo(line, err=True),
                after_epoch=show,
            )
    if task == "generate":
        facts = {"run": str(path), "epochs": len(records), "wake": records[-1].wake, "sleep": records[-1].sleep}
        return say(as_json, facts, f"{path}: {len(records)} epochs up and down; now: harmonium evaluate {path}")
    test = "" if found["test_error"] is None else f", of the test examples {100 * found['test_error']:.2f} %"
    hint = (
        "that is hardly better than guessing: train the layers for longer, or tune with a larger --learning-rate",
    ) * (found["validation_error"] > 0.8 * found["guessing_error"])
    say(
        as_json,
        {"run": str(path), **found},
        f"{found['epochs']} epochs on {found['labelled']:,} labels in {found['seconds']:.0f} s: wrong are "
        f"{100 * found['validation_error']:.2f} % of the validation examples{test}",
        *hint,
        f"classes and probabilities: harmonium predict {path}",
    )


def _refuse_others(context: typer.Context, own: set[str], task: str) -> None:
    """Refuse options of the other task."""
    shared = {"path", "task", "data_dir", "as_json", "seed"}
    for name in context.params:
        if was_given(context, name) and name not in own | shared:
            raise InputError(f"--{name.replace('_', '-')} is not for {task}: leave it out")


def _epoch_line(record: Any) -> str:
    """Say how an epoch of fine-tuning went."""
    if hasattr(record, "loss"):
        best = ", the lowest so far" if record.best else ""
        wrong = f"{100 * record.validation_error:.2f} % of the validation examples wrong"
        return f"epoch {record.epoch}: loss {record.loss:.4f}, {wrong}{best}, {record.seconds:.0f} s"
    return f"epoch {record.epoch}: log P(v | h) {record.wake:.2f}, log Q(h | v) {record.sleep:.2f} nats"


@app.command()
def predict(
    path: StackPath,
    data: Annotated[str, typer.Option(help="test, validation, train, or a file.")] = "test",
    out: Annotated[Path, typer.Option(help="A .csv file for classes and probabilities.")] = Path("predictions.csv"),
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write the class of every example, and the probabilities of all classes.

    Example:

        harmonium predict runs/dbn --data test --out predictions.csv
    """
    from harmonium.stacks import predict as predicted

    found = predicted(path, data, out, data_dir=data_dir)
    counts: Sequence[int] = found.argmax(1).bincount(minlength=found.shape[1]).tolist()
    listed = ", ".join(f"{k}: {count:,}" for k, count in enumerate(counts))
    say(
        as_json,
        {"predictions": str(out), "examples": len(found), "counts": counts},
        f"{len(found):,} examples: {out}",
        f"of each class {listed}",
    )
