"""The report of a run: one self-contained HTML page with its pictures, measurements and settings."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

import torch
from torch import Tensor

from harmonium.files import write_text
from harmonium.io import ModelFile
from harmonium.pictures import draw_curves, draw_dreams, draw_features
from harmonium.sampling import Dreams, dream, gibbs
from harmonium.seeds import DREAM, generator_for
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
    "curves.png": (
        "Training",
        "Learning lowers the free energy of data and raises that of dreams, so the two curves should stay close; "
        "the pseudo-log-likelihood should rise, the reconstruction error fall, and a validation gap that keeps "
        "growing means overfitting.",
    ),
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
}


def draw_run(run: Run, examples: Tensor | None = None) -> None:
    """Draw features, dreams and curves of a run as it stands and write its report.

    Parameters
    ----------
    run : Run
        The run folder.
    examples : Tensor, shape (cases, n), optional
        Prepared examples of its data, if they are at hand: the dreams are then compared with them.
    """
    model = open_model(run.folder)
    draw_features(model.rbm, run.folder / "features.png", model.image_shape)
    records = run.records()
    if records:
        draw_curves(records, run.folder / "curves.png")
    generator = generator_for(run.settings().seed, DREAM)
    start = gibbs.init_from_noise(model.rbm, REPORT_DREAMS, generator)
    draw_model_dreams(model, dream(model.rbm, start, REPORT_STEPS, generator), run.folder / "dreams.png", examples)
    write_report(run)


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
    template = Template(resources.files("harmonium").joinpath("report.html.template").read_text(encoding="utf-8"))
    rbm, records = model.rbm, run.records()
    lead = (
        f"A restricted Boltzmann machine of {rbm.visible.size} {rbm.visible.family} visible and {rbm.hidden.size} "
        f"{rbm.hidden.family} hidden units, trained on {config['data']}"
        + (f" for {records[-1].epoch} epochs." if records else ", which has not completed an epoch yet.")
    )
    page = template.substitute(
        title=escape(f"harmonium: {run.folder.name}"),
        lead=escape(lead),
        sections="\n".join([*_picture_sections(run), *_tables(config, model, records)]),
    )
    path = run.folder / "report.html"
    write_text(path, page)
    return path


def _picture_sections(run: Run) -> Iterator[str]:
    """Yield each picture that exists, inlined, with its sentence."""
    for name, (title, caption) in _CAPTIONS.items():
        path = run.folder / name
        if path.exists():
            encoded = base64.b64encode(path.read_bytes()).decode()
            yield (
                f"<h2>{title}</h2>\n<figure>\n<figcaption>{escape(caption)}</figcaption>\n"
                f'<img alt="{title}" src="data:image/png;base64,{encoded}">\n</figure>'
            )


def _tables(config: dict[str, object], model: ModelFile, records: list[Record]) -> Iterator[str]:
    """Yield the last measurements with their meanings, the settings, and the commands that go on from here."""
    if records:
        rows = ((name, _format(value), _MEANINGS[name]) for name, value in vars(records[-1]).items())
        yield "<h2>Last measurements</h2>\n" + _table(rows)
    settings = config["settings"]
    assert isinstance(settings, dict)
    yield "<h2>Settings</h2>\n" + _table((name, _format(value), "") for name, value in settings.items())
    yield f"<p>Before the model saw the data, {escape(model.preparation.describe())}.</p>"


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    cells = (
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td class=value>{escape(value)}</td>"
        f"<td class=meaning>{escape(meaning)}</td></tr>"
        for name, value, meaning in rows
    )
    return "<table>\n" + "\n".join(cells) + "\n</table>"


def _format(value: object) -> str:
    """Return a value as a person wants to read it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
