"""The report of a run: one self-contained HTML page with its pictures, measurements and settings."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

import torch
from torch import Tensor

from harmonium.diagnostics import Diagnosis, diagnose
from harmonium.files import write_text
from harmonium.io import ModelFile
from harmonium.pictures import draw_curves, draw_diagnostics, draw_dreams, draw_features
from harmonium.sampling import Dreams, dream, gibbs
from harmonium.seeds import DIAGNOSE, DREAM, generator_for
from harmonium.training import Record, Run, open_model

REPORT_DREAMS, REPORT_STEPS = 100, 500

_CAPTIONS = {
    "features.png": (
        "Features",
        "Each small image is one hidden unit: the weights with which it pushes pixels towards white or black "
        "(grey is zero, all on one scale); good ones look like strokes and parts, not like noise.",
    ),
    "dreams.png": (
        "Dreams",
        "What the model makes up when its chains run freely, and the free energy of dreams beside that of data: "
        "the better the model, the more the two histograms overlap and the more the images look like data.",
    ),
    "diagnostics.png": (
        "Dream quality and weights",
        "Left: how far dreams are from data as their chains run longer; good curves fall, or stay low, and meet, "
        "while curves that rise again mean a model that was trained out of equilibrium. Right: the weights; a good "
        "histogram has one peak at 0 and tails, and lone outliers mean a few units that rule.",
    ),
    "curves.png": (
        "Training",
        "Learning lowers the free energy of data and raises that of dreams, so the two curves should stay close; "
        "the log-likelihood (with two standard errors) should rise, and a validation gap that keeps growing while "
        "it falls means overfitting.",
    ),
}

_GOOD = {
    "free_energy_train": "mean F of training examples, nats; only its differences from the next two mean anything",
    "free_energy_validation": "the same of examples that it was not trained on; near the training examples is good",
    "free_energy_gap": "validation minus training, nats; near 0 is good, and a gap that grows means overfitting",
    "free_energy_dreams": "mean F along the chains; within a few nats of the data is good",
    "dead_units": "hidden units that are off whatever is shown; 0 is good, many mean that fewer units would do",
    "saturated_units": "hidden units that are on whatever is shown; 0 is good, they act as mere biases",
    "autocorrelation_time": "Gibbs steps that are worth one independent sample; good is less than the steps that you "
    "can afford between samples (more than 10 here, a fiftieth of the steps looked at, is a rough value)",
    "r_hat": "how much wider all chains are than one of them, for the free energy; below 1.01 is good, more means "
    "that chains stay in their own places",
    "adversarial_accuracy": "how well nearest neighbours tell dreams from data; 0.5 is best, 1 worst, and well below "
    "0.5 means copies of examples",
    "departure": "how far both shares behind the accuracy are from one half; 0 is best, 0.5 worst, below 0.1 is good",
    "best_steps": "after how many steps dreams from noise are best; the longest run is good, a handful is a warning",
    "regime": "equilibrium is good; out of equilibrium: dreams get worse as chains run longer, since the model knows "
    "only the short ones of its training; not settled: where chains started still matters after the longest run",
}

_MEANINGS = {
    "epoch": "passes over the training examples",
    "update": "steps of the optimiser",
    "seconds": "time spent in updates",
    "examples_per_second": "training examples a second in the last epoch",
    "learning_rate": "of the next update",
    "reconstruction_error": "mean squared difference between an example and its reconstruction, a unit; low is good",
    "pseudo_log_likelihood": "nats an example, each unit given all others; higher is better, at most 0 if binary",
    "free_energy_data": "mean F of training examples, nats; only differences of F mean anything",
    "free_energy_dreams": "mean F of dreams, nats; near that of data in a good model",
    "free_energy_gap": "validation minus training, nats; near 0, and growing when the model overfits",
    "hidden_activity": "mean activity of the hidden units; for binary ones, from 0 to 1, and neither of them",
    "weight_norm": "the size of the weights; it should grow ever more slowly",
    "log_likelihood": "log P(v) of held-out examples, nats an example; the measure of the model, higher is better",
    "log_likelihood_error": "its standard error, log Z and the choice of examples together",
    "log_partition": "log Z, which every log-likelihood needs, as estimated while training",
    "log_partition_error": "its standard error",
    "swap_rate": "how often chains exchange states at the worst place of the ladder; above 0.1 is good",
    "round_trips": "journeys of states up and down the ladder since it was tuned last; more is better",
    "checkpoints": "models of training that the ladder is made of",
    "warning": "what should be known: overfitting, or chains that have stopped mixing",
}


def draw_run(run: Run, examples: Tensor | None = None, validation: Tensor | None = None) -> Diagnosis | None:
    """Diagnose a run as it stands, draw its pictures and write its report.

    Parameters
    ----------
    run : Run
        The run folder.
    examples : Tensor, shape (cases, n), optional
        Prepared examples of its data, if they are at hand: the dreams are then compared with them.
    validation : Tensor, shape (cases, n), optional
        Prepared examples that it was not trained on.

    Returns
    -------
    Diagnosis or None
        What the diagnostics found; None without at least 4 examples.
    """
    model = open_model(run.folder)
    draw_features(model.rbm, run.folder / "features.png", model.image_shape)
    records = run.records()
    if records:
        draw_curves(records, run.folder / "curves.png")
    generator = generator_for(run.settings().seed, DREAM)
    start = gibbs.init_from_noise(model.rbm, REPORT_DREAMS, generator)
    draw_model_dreams(model, dream(model.rbm, start, REPORT_STEPS, generator), run.folder / "dreams.png", examples)
    found = None
    if examples is not None and len(examples) >= 4:
        found = _diagnose(run, model, examples, validation)
    write_report(run)
    return found


def _diagnose(run: Run, model: ModelFile, examples: Tensor, validation: Tensor | None) -> Diagnosis:
    """Diagnose the model of a run, draw what belongs to it and leave the numbers in ``diagnosis.json``."""
    generator = generator_for(run.settings().seed, DIAGNOSE)
    found, regime = diagnose(model.rbm, examples, generator, validation=validation, chains=run.chains())
    draw_diagnostics(regime, model.rbm, run.folder / "diagnostics.png")
    write_text(run.folder / "diagnosis.json", json.dumps(asdict(found), indent=1) + "\n")
    return found


def draw_model_dreams(model: ModelFile, dreams: Dreams, path: Path, examples: Tensor | None) -> None:
    """Draw the dreams of a model in the units of its data.

    Parameters
    ----------
    model : ModelFile
        The model and what was done to its data.
    dreams : Dreams
        What it dreamt.
    path : Path
        The PNG file.
    examples : Tensor, shape (cases, n), optional
        Prepared examples whose free energies are shown beside those of the dreams.
    """
    with torch.no_grad():
        energies = None if examples is None else model.rbm.free_energy(examples)
    draw_dreams(
        model.preparation.restore(dreams.mean),
        dreams.free_energy,
        energies,
        path,
        bounded=model.rbm.visible.unit_states() is not None,
        image_shape=model.image_shape,
    )


def write_report(run: Run) -> Path:
    """Write ``report.html`` from the pictures that the run folder holds, and return its path.

    Raises
    ------
    InputError
        When the folder is no run folder.
    """
    config, model = run.config(), open_model(run.folder)
    rbm, records = model.rbm, run.records()
    lead = (
        f"A restricted Boltzmann machine of {rbm.visible.size} {rbm.visible.family} visible and {rbm.hidden.size} "
        f"{rbm.hidden.family} hidden units, trained on {config['data']}"
        + (f" for {records[-1].epoch} epochs." if records else ", which has not completed an epoch yet.")
    )
    measured = [record for record in records if record.log_likelihood is not None]
    if measured:
        last = measured[-1]
        lead += (
            f" Its log-likelihood on held-out examples after epoch {last.epoch} is {last.log_likelihood:.2f} +- "
            f"{last.log_likelihood_error:.2f} nats, as estimated while training; 'harmonium evaluate' gives a bracket."
        )
    lead += "".join(f" Beware: {record.warning}." for record in records[-1:] if record.warning)
    sections = [*_picture_sections(run), *_tables(config, model, records, _stored_diagnosis(run))]
    return write_page(run.folder, lead, sections)


def write_page(folder: Path, lead: str, sections: Sequence[str]) -> Path:
    """Write ``report.html`` of a folder: a sentence or two, then sections of HTML; return its path."""
    template = Template(resources.files("harmonium").joinpath("report.html.template").read_text(encoding="utf-8"))
    title = escape(f"harmonium: {folder.name}")
    page = template.substitute(title=title, lead=escape(lead), sections="\n".join(sections))
    write_text(folder / "report.html", page)
    return folder / "report.html"


def picture_section(path: Path, title: str, caption: str) -> str:
    """Return a section with a picture, inlined, and its sentence."""
    encoded = base64.b64encode(path.read_bytes()).decode()
    return (
        f"<h2>{escape(title)}</h2>\n<figure>\n<figcaption>{escape(caption)}</figcaption>\n"
        f'<img alt="{escape(title)}" src="data:image/png;base64,{encoded}">\n</figure>'
    )


def _stored_diagnosis(run: Run) -> dict[str, object] | None:
    """Return what ``diagnosis.json`` holds, if there is one."""
    path = run.folder / "diagnosis.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _picture_sections(run: Run) -> Iterator[str]:
    """Yield each picture that exists, inlined, with its sentence."""
    for name, (title, caption) in _CAPTIONS.items():
        path = run.folder / name
        if path.exists():
            yield picture_section(path, title, caption)


def _tables(
    config: dict[str, object], model: ModelFile, records: list[Record], diagnosis: dict[str, object] | None
) -> Iterator[str]:
    """Yield diagnostics and last measurements with their meanings, and the settings."""
    if diagnosis is not None:
        rows = ((name, readable(diagnosis.get(name)), meaning) for name, meaning in _GOOD.items())
        yield "<h2>Diagnostics</h2>\n" + table(rows)
    if records:
        known = {name: value for name, value in vars(records[-1]).items() if value is not None}
        rows = ((name, readable(value), _MEANINGS[name]) for name, value in known.items())
        yield "<h2>Last measurements</h2>\n" + table(rows)
    settings = config["settings"]
    assert isinstance(settings, dict)
    yield "<h2>Settings</h2>\n" + table((name, readable(value), "") for name, value in settings.items())
    yield f"<p>Before the model saw the data, {escape(model.preparation.describe())}.</p>"


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return a table of names, values and what they mean."""
    cells = (
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td class=value>{escape(value)}</td>"
        f"<td class=meaning>{escape(meaning)}</td></tr>"
        for name, value, meaning in rows
    )
    return "<table>\n" + "\n".join(cells) + "\n</table>"


def readable(value: object) -> str:
    """Return a value as a person wants to read it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
