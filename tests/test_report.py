import re
from html.parser import HTMLParser

import numpy as np

from harmonium.report import draw_run, write_report
from harmonium.training import Settings, start_run


class Checker(HTMLParser):
    """Counts pictures and notes every tag that is left open or closed twice."""

    def __init__(self):
        super().__init__()
        self.open, self.pictures, self.faults = [], 0, []

    def handle_starttag(self, tag, attributes):
        self.pictures += tag == "img"
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def finished_run(folder, data="digits", **settings):
    run, state, ready = start_run(folder, data, Settings(hidden=6, epochs=2, **settings))
    for _ in run.train(state, ready):
        pass
    return run, ready


def test_the_report_is_one_self_contained_page(tmp_path):
    run, ready = finished_run(tmp_path / "a <run>")
    draw_run(run, ready.monitored_train, ready.monitored_validation)
    page = (run.folder / "report.html").read_text()
    checker = Checker()
    checker.feed(page)
    assert checker.pictures == 4
    assert not checker.open
    assert not checker.faults
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is fetched
    assert "a &lt;run&gt;" in page
    for sentence in (
        "one hidden unit",
        "free energy of dreams",
        "overfitting",
        "learning rate",
        "r hat",
        "equilibrium",
    ):
        assert sentence in page


def test_a_report_before_the_first_epoch_and_without_data(tmp_path):
    run, _, _ = start_run(tmp_path / "run", "bars-and-stripes", Settings(hidden=3))
    assert "has not completed an epoch yet" in write_report(run).read_text()
    draw_run(run)
    assert (run.folder / "dreams.png").exists()
    assert not (run.folder / "curves.png").exists()


def test_gaussian_runs_are_reported_in_the_units_of_the_data(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(100, 5, (50, 7)))
    run, ready = finished_run(tmp_path / "run", str(tmp_path / "a.npy"), visible="gaussian")
    draw_run(run, ready.monitored_train, ready.monitored_validation)
    assert "every column was standardised" in (run.folder / "report.html").read_text()
