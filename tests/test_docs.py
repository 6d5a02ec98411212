"""Every code block of the README and of the docs runs; the figures of the gallery are drawn when the site is built."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from harmonium.cli import main

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(name):
    return BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))


def run_command(line, monkeypatch):
    """Run a line of the console; training is cut to two epochs, dreams to 50 steps and annealing to 50 temperatures."""
    for option, few in (("--stop-after", 1), ("--epochs", 2), ("--steps", 50)):
        line = re.sub(rf"{option} \d+", f"{option} {few}", line)
    words = shlex.split(line)
    if words[1] == "evaluate":
        words += ["--runs", "20", "--temperatures", "50"]
    if words[1] == "train" and not {"--epochs", "--resume"} & set(words):
        words += ["--epochs", "2"]
    assert words[0] == "harmonium", line
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code, line


def test_every_block_of_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    kinds = set()
    has_mnist = (Path(os.environ.get("HARMONIUM_DATA", "nowhere")) / "mnist").is_dir()
    for kind, code in blocks("README.md"):
        kinds.add(kind)
        if kind == "python":
            exec(compile(code, "README.md", "exec"), namespace)
        for line in code.splitlines() if kind == "console" else []:
            if has_mnist or "mnist" not in line:
                run_command(line.removeprefix("$ "), monkeypatch)
    assert kinds == {"python", "console"}
    assert (tmp_path / "runs" / "digits" / "report.html").exists()
    assert (tmp_path / "dreams.npy").exists() == has_mnist


def test_every_block_of_the_lecture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "lecture"}
    codes = [code for kind, code in blocks("docs/lecture.md") if kind == "python"]
    assert len(codes) > 10
    for code in codes:
        exec(compile(code, "docs/lecture.md", "exec"), namespace)


def test_every_block_about_stacks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "deep"}
    for kind, code in blocks("docs/deep.md"):
        if kind == "python":
            exec(compile(code, "docs/deep.md", "exec"), namespace)
        for line in code.splitlines() if kind == "console" else []:
            run_command(line.removeprefix("$ "), monkeypatch)
    assert (tmp_path / "predictions.csv").exists()


def cut_short(code):
    """Return code of few passes, steps and temperatures."""
    for number, few in (
        (r"(n_iter|epochs)=\d+", r"\1=2"),
        (r"temperatures=\d+", "temperatures=50"),
        (r"\b1000,", "20,"),
        (r"sample\((\d+)\)", r"sample(\1, 20)"),
    ):
        code = re.sub(number, few, code)
    return code


GALLERY = sorted(path.relative_to(ROOT) for path in (ROOT / "docs" / "gallery").glob("*.md"))


@pytest.mark.parametrize("page", GALLERY, ids=lambda page: page.stem)
def test_every_block_of_the_gallery(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "gallery"}
    codes = [code for kind, code in blocks(page) if kind == "python"]
    assert codes
    for code in codes:
        exec(compile(cut_short(code), str(page), "exec"), namespace)
    assert capsys.readouterr().out


def test_every_command_about_the_likelihood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_command("harmonium train digits --hidden 10 --out runs/mnist", monkeypatch)
    has_mnist = (Path(os.environ.get("HARMONIUM_DATA", "nowhere")) / "mnist").is_dir()
    for _, code in blocks("docs/likelihood.md"):
        for line in code.splitlines():
            if has_mnist or "runs/pcd" not in line:
                run_command(line.removeprefix("$ "), monkeypatch)


def test_every_page_with_code_is_run():
    run = {"lecture.md", "deep.md", "index.md", "sklearn.md", "rbms.md", "likelihood.md"}
    pages = {path for path in (ROOT / "docs").rglob("*.md") if blocks(path)}
    assert {path.name for path in pages if path.parent.name != "gallery"} == run


@pytest.mark.parametrize("page", ["index", "sklearn", "rbms"])
def test_every_block_for_those_who_come_from_elsewhere(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page}
    for kind, code in blocks(f"docs/{page}.md"):
        if kind == "python":
            exec(compile(cut_short(code), page, "exec"), namespace)
        for line in code.splitlines() if kind == "console" else []:
            if "pip install" not in line:
                run_command(line.removeprefix("$ "), monkeypatch)


def test_every_page_of_the_site_is_there_and_no_other():
    listed = set(re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}


def test_every_make_target_of_the_docs_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\bmake (\w+) +#", (ROOT / name).read_text()):
            assert target in targets


def test_links_between_the_docs_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text) + re.findall(r'<img src="([^"]+)"', text):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
