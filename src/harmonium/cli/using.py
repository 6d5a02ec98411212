"""What is done with a run: dream, features, report, evaluate, info."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.cli.app import DataDir, Json, RunPath, app, is_stack, say
from harmonium.errors import InputError


@app.command()
def dream(
    path: RunPath,
    count: Annotated[int, typer.Option(help="Number of chains, and so of dreams.")] = 100,
    steps: Annotated[
        int | None, typer.Option(help="Gibbs steps; 1000 by default, 200 a checkpoint with --start ladder.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Where the chains start: noise, data of the run, or the ladder of checkpoints that the method ptt "
            "leaves, and then by default."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides all randomness.")] = 0,
    samples: Annotated[Path | None, typer.Option(help="Write the states here, a .npy file (count, visible).")] = None,
    film: Annotated[
        Path | None, typer.Option(help="Write the chains here as an animation: .gif, .webp or .png.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="The picture; dreams.png in the run folder by default.")] = None,
    label: Annotated[int | None, typer.Option("--class", help="The class to dream of, of a stack with labels.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let a model dream: samples of P(v) by Gibbs steps, shown as a grid of P(v | h).

    Examples
    --------
        harmonium dream runs/mnist --count 100 --steps 1000 --samples dreams.npy

        harmonium dream runs/mnist --start data --steps 200 --film dreams.gif

        harmonium dream runs/dbn --class 3 --count 100 --samples threes.npy
    """
    if is_stack(path):
        if start not in (None, "noise") or film is not None:
            raise InputError("a stack dreams from noise, without a film: leave out --start and --film")
        return _dream_of_stack(path, count, 1000 if steps is None else steps, label, seed, samples, picture, as_json)
    if label is not None:
        raise InputError(f"{path} is no stack with labels, and so dreams of no class: leave out --class")
    from harmonium.dreaming import dream_of_run

    made = dream_of_run(
        path,
        count,
        steps,
        start=start,
        seed=seed,
        samples=samples,
        film=film,
        picture=picture,
        data_dir=data_dir,
    )
    against = "" if made.data is None else f", that of the data {made.data:.1f}"
    steps = made.steps
    taken = f"{count} dreams after {steps} steps from {'the ladder' if made.start == 'ladder' else made.start}"
    lines = [f"{taken}: mean free energy {made.dreams:.1f} nats{against}"]
    lines += [f"{name}: {place}" for name, place in made.files.items()]
    facts = {
        "count": count,
        "steps": steps,
        "start": made.start,
        "free_energy_dreams": made.dreams,
        "free_energy_data": made.data,
    }
    say(as_json, facts | made.files, *lines)


def _dream_of_stack(
    path: Path,
    count: int,
    steps: int,
    label: int | None,
    seed: int,
    samples: Path | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Let a stack dream."""
    from harmonium.stacks import dream_of_stack

    made = dream_of_stack(path, count, steps, label=label, seed=seed, samples=samples, picture=picture)
    of_class = "" if label is None else f" of class {label}"
    lines = [f"{count} dreams{of_class} after {steps} steps in the top RBM and one pass down"]
    lines += [f"{name}: {place}" for name, place in made.files.items()]
    say(as_json, {"count": count, "steps": steps, "class": label, **made.files}, *lines)


@app.command()
def features(
    path: RunPath,
    picture: Annotated[
        Path | None, typer.Option(help="The picture; features.png in the run folder by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw the features: the weights of every hidden unit as a small image.

    Example:

        harmonium features runs/mnist
    """
    if is_stack(path):
        raise InputError(f"{path} is a stack, whose features at every depth are in its report: harmonium report {path}")
    from harmonium.pictures import draw_features
    from harmonium.training import open_model

    model = open_model(path)
    target = picture or (path if path.is_dir() else path.parent) / "features.png"
    draw_features(model.rbm, target, model.image_shape)
    say(
        as_json,
        {"picture": str(target), "features": model.rbm.hidden.size},
        f"{model.rbm.hidden.size} features: {target}",
    )


@app.command()
def report(path: RunPath, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Diagnose a run, draw all its pictures anew and write its report.html.

    Example:

        harmonium report runs/mnist
    """
    if is_stack(path):
        from harmonium.deep import StackRun
        from harmonium.stack_report import draw_stack

        page = draw_stack(StackRun(path), data_dir)
        return say(as_json, {"report": str(page)}, f"Open {page}")
    from dataclasses import asdict

    from harmonium.report import draw_run
    from harmonium.training import Run

    run = Run(path)
    found = draw_run(run, *run.examples(data_dir))
    facts = {"report": str(path / "report.html"), "diagnosis": None if found is None else asdict(found)}
    say(as_json, facts, f"Open {path / 'report.html'}")


@app.command()
def evaluate(
    path: RunPath,
    data: Annotated[str, typer.Option(help="test, validation, train, or a file.")] = "test",
    method: Annotated[str, typer.Option(help="How Z is obtained: auto, exact or ais.")] = "auto",
    runs: Annotated[int, typer.Option(help="Annealing runs in each direction.")] = 500,
    temperatures: Annotated[int, typer.Option(help="Models on the way from the base to the model.")] = 2000,
    seed: Annotated[int, typer.Option(help="Decides all randomness.")] = 0,
    samples: Annotated[
        int | None, typer.Option(help="Samples of the layers above for each example, of a stack; 50 by default.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say how good a model is: its log-likelihood, with a bracket.

    Examples
    --------
        harmonium evaluate runs/mnist

        harmonium evaluate runs/mnist --data validation --method ais --temperatures 8000
    """
    if is_stack(path):
        samples = 50 if samples is None else samples
        return _evaluate_stack(path, data, as_json, method, runs, temperatures, samples, seed, data_dir)
    if samples is not None:
        raise InputError("--samples is for a stack: leave it out")
    from dataclasses import asdict

    from harmonium.evaluation import evaluate_run

    found = evaluate_run(
        path,
        data,
        method=method,
        runs=runs,
        temperatures=temperatures,
        seed=seed,
        data_dir=data_dir,
        announce=lambda sentence: typer.echo(sentence, err=True),
    )
    z = found.log_partition
    facts = {
        "log_likelihood": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "standard_error": found.standard_error,
        "examples": found.examples,
        "conservative": found.conservative,
        "conservative_error": found.conservative_error,
        "log_partition": asdict(z),
        "method": found.method,
        "warnings": list(found.warnings),
    }
    say(as_json, facts, *_describe_likelihood(found, data))


def _evaluate_stack(path: Path, data: str, as_json: bool, *given: Any) -> None:
    """Say how good a stack is."""
    from dataclasses import asdict

    from harmonium.stacks import evaluate_stack

    names = ("method", "runs", "temperatures", "samples", "seed", "data_dir")
    found = evaluate_stack(path, data, **dict(zip(names, given, strict=True)))
    bound, estimate, z = found.bound, found.estimate, found.bound.log_partition
    how = "by enumeration" if z.method == "exact" else "by annealing in both directions"
    sure = "" if z.method == "exact" else f", with the bracket of log Z between {bound.lower:.2f} and {bound.upper:.2f}"
    lines = [
        f"variational bound {bound.value:.2f} nats an example{sure}: the mean of {bound.examples:,} examples "
        f"({_part(data)})",
        f"estimate of the log-likelihood itself, from {found.samples} samples an example: {estimate.value:.2f} nats",
        f"log Z of the top RBM = {z.value:.3f} nats {how}; standard error of the bound {bound.standard_error:.2f}, the "
        "choice of examples included",
        *(f"warning: {warning}" for warning in bound.warnings),
    ]
    facts = {
        "bound": bound.value,
        "lower": bound.lower,
        "upper": bound.upper,
        "standard_error": bound.standard_error,
        "log_likelihood": estimate.value,
        "samples": found.samples,
        "examples": bound.examples,
        "log_partition": asdict(z),
        "warnings": list(bound.warnings),
    }
    say(as_json, facts, *lines)


def _part(data: str) -> str:
    """Say of which examples a likelihood is the mean: of a set by name, the training part."""
    known = data in ("train", "test", "validation") or Path(data).suffix
    return data if known else f"the training part of {data}"


def _describe_likelihood(found: Any, data: str) -> list[str]:
    """Say the result of an evaluation in lines for a person."""
    z = found.log_partition
    how = "exact" if found.method == "exact" else f"between {found.lower:.2f} and {found.upper:.2f}"
    lines = [
        f"log-likelihood {found.value:.2f} nats an example, {how}: the mean of {found.examples:,} examples "
        f"({_part(data)})",
        f"log Z = {z.value:.3f} nats by "
        + ("enumeration" if z.method == "exact" else "annealing in both directions")
        + f"; standard error of the log-likelihood {found.standard_error:.2f}, the choice of examples included",
    ]
    if found.conservative is not None:
        bridge, error = z.diagnostics["bridge"], z.diagnostics["bridge_standard_error"]
        lines += [
            f"checks: tempered chains give log Z = {bridge:.3f} +- {error:.3f}; a conservative log-likelihood, which "
            f"needs no Z, is {found.conservative:.2f} +- {found.conservative_error:.2f}",
        ]
    if "trajectory" in z.diagnostics:
        lines += [
            f"the checkpoints of training give log Z = {z.diagnostics['trajectory']:.3f} "
            f"+- {z.diagnostics['trajectory_standard_error']:.3f}"
        ]
    return [*lines, *(f"warning: {warning}" for warning in found.warnings)]


@app.command()
def info(
    path: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="A run folder or a model file.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a run or a model file holds; without one, what this machine and installation are.

    Examples
    --------
        harmonium info runs/mnist

        harmonium info --json
    """
    from harmonium.information import about_machine, about_model, about_stack

    facts = about_machine() if path is None else about_stack(path) if is_stack(path) else about_model(path)
    width = max(map(len, facts))
    say(as_json, facts, *(f"{name.replace('_', ' '):<{width}}  {value}" for name, value in facts.items()))
