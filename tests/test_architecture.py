"""The plan of the house: no import runs upwards, no two modules import each other, no module grows without end."""

import ast
from pathlib import Path

import harmonium

ROOT = Path(harmonium.__file__).parent

# docs/architecture.md says what stands on which floor.
FLOORS = [
    {"errors", "seeds", "kernels", "files", "interrupt"},
    {"units", "data"},
    {"rbm", "packed"},
    {"exact", "io"},
    {"sampling"},
    {"gradients", "likelihood", "diagnostics"},
    {"training"},
    {"pictures", "progress", "deep", "tensorboard"},
    {"report", "stack_report", "information", "exchange", "notebook"},
    {"dreaming", "evaluation", "stacks", "sklearn"},
    {"cli"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def module_of(path):
    return path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")


def imports_of(path):
    """Yield the modules of the package that a file imports, wherever in it and for whatever reason."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("harmonium."):
            for name in node.names:  # a module of a package, or a name that a module defines
                module = f"{node.module}.{name.name}".removeprefix("harmonium.")
                is_module = (ROOT / f"{module.replace('.', '/')}.py").exists()
                yield module if is_module else f"{node.module}".removeprefix("harmonium").removeprefix(".")


SOURCES = [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]


def test_every_room_stands_on_a_floor():
    rooms = {module_of(path).split(".")[0] for path in SOURCES}
    assert rooms == set(FLOOR)


def test_no_import_runs_upwards():
    for path in SOURCES:
        room = module_of(path).split(".")[0]
        for imported in imports_of(path):
            other = imported.split(".")[0]
            if not other:  # the version, from the package itself
                continue
            assert other == room or FLOOR[other] <= FLOOR[room], f"{path.name} imports {imported} from above"


def test_no_two_modules_import_each_other():
    names = {module_of(path) for path in SOURCES}
    graph = {module_of(path): {name for name in imports_of(path) if name in names} for path in SOURCES}

    done = set()

    def visit(name, trail):
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_packages_only_hand_names_on():
    for path in ROOT.rglob("*/__init__.py"):
        kinds = {type(node) for node in ast.parse(path.read_text()).body}
        assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign}, path


def test_modules_stay_small():
    for path in SOURCES:
        assert len(path.read_text().splitlines()) <= 400, path


def test_no_pickle_and_no_global_seed():
    for path in SOURCES:
        text = path.read_text()
        for forbidden in ("import pickle", "torch.load(", "torch.manual_seed(", "np.random.seed("):
            assert forbidden not in text, path
