"""The house keeps its order: no circle of imports, one way down, Theano in one room, no name twice."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "audiostyle"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
#: Rooms from the ground up: a room may import from its own level's other modules and from those before it.
LEVELS = [
    {"errors", "version"},
    {"files", "invocation", "isolation", "cache", "settings"},
    {"audio", "weights"},
    {"image", "network"},
    {"pipeline", "optimise", "lbfgs", "two_loop"},
    {"api"},
    {"run"},
    {"study", "demo", "doctor"},
    {"batch"},
    {"command"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def imports(path, top_only=False):
    """Modules that a file imports; with `top_only` those of the moment when it is imported itself."""
    tree = ast.parse(path.read_text())
    nodes = list(_run_at_import(tree)) if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            base = str(node.module)
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield name if name in MODULES else base


def _run_at_import(node):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _run_at_import(child)


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def ours(path):
    return {name for name in imports(path) if name in MODULES}


def test_every_room_has_its_level():
    found = {room(name) for name in MODULES} - {""}
    assert found == set(LEVEL), "a new room wants a place in LEVELS, and an old one goes from it"


def test_no_import_goes_up():
    wrong = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        for other in ours(path)
        if room(name) and room(other) and LEVEL[room(other)] > LEVEL[room(name)]
    ]
    assert not wrong


def test_there_is_no_circle():
    graph = {name: ours(path) - {name} for name, path in MODULES.items()}
    # Who has nothing left to wait for goes; what cannot go is a circle.
    while free := [name for name, others in graph.items() if not others]:
        for name in free:
            del graph[name]
        for others in graph.values():
            others.difference_update(free)
    assert not graph, f"a circle leads through {', '.join(graph)}"


def test_theano_lives_in_the_network_alone():
    theano = {"theano", "lasagne", "pygpu"}
    wrong = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        for other in imports(path)
        if other.split(".")[0] in theano and room(name) != "network"
    ]
    assert not wrong


def test_no_two_modules_and_no_two_classes_have_one_name():
    files = Counter(path.name for path in MODULES.values() if path.name not in ("__init__.py", "__main__.py"))
    classes = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not [name for name, count in (files + classes).items() if count > 1]


def test_no_module_is_long():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES.values()}
    assert not {name: count for name, count in lines.items() if count > 350}


def test_every_module_says_what_it_is_for():
    assert not [name for name, path in MODULES.items() if path.read_text().strip() and not docstring(path)]


def docstring(path):
    return ast.get_docstring(ast.parse(path.read_text()))


def test_tests_carry_no_annotations():
    """The package is annotated, and mypy reads it; what a test takes is said by its name and its fixtures."""
    annotated = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns)
        or (isinstance(node, ast.arg) and node.annotation)
    ]
    assert not annotated


@pytest.mark.parametrize("module", ["audiostyle", "audiostyle.settings", "audiostyle.command.main"])
def test_importing_costs_nothing(module):
    heavy = "theano", "lasagne", "scipy", "librosa", "matplotlib", "h5py"
    program = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
