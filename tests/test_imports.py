"""The import direction of the house, and what must stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fer_keras"

# A room may import rooms of the floors before its own; rooms side by side do not import each other.
FLOORS = (
    {"errors"},
    {"emotions", "imaging", "devices", "atomic_files", "threads"},
    {"recipe", "metrics"},
    {"runs"},
    {"plotting"},
    {"reporting"},
    {"datasets"},
    {"exploration", "augmentation", "models"},
    {"evaluation"},
    {"training"},
    {"explanation", "porting"},
    {"export", "hub"},
    {"inference", "pruning", "ensemble"},
    {"benchmark"},
    {"comparison"},
    {"webapp"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def module_parts(path: Path) -> tuple[str, ...]:
    """Place of a module in the package: ``("datasets", "faces")``; that of a folder's ``__init__`` is the folder's."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module_parts(path) for path in FILES}


def imported_modules(path: Path) -> Iterator[tuple[str, ...]]:
    """Places of the modules of this package that a file imports, at any place in it."""
    here = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            words = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = (*here[: len(here) - node.level + 1], *words)
            elif words[0] == "fer_keras":
                base = words[1:]
            else:
                continue
            for alias in node.names:
                yield (*base, alias.name) if (*base, alias.name) in MODULES else base
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "fer_keras":
                    yield tuple(alias.name.split("."))[1:]


@pytest.mark.parametrize("path", [path for path in FILES if path.parent != PACKAGE or path.stem in FLOOR], ids=name_of)
def test_imports_go_down_only(path):
    room = module_parts(path)[0]
    assert room in FLOOR, f"give {room} a floor in this test"
    for other in {module[0] for module in imported_modules(path) if module} - {room}:
        assert FLOOR[other] < FLOOR[room], f"{room} imports {other}, which does not stand below it"


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_no_circle_among_the_files_and_folders_of_a_folder(folder):
    """A sub-folder counts as one: neither it and a file beside it nor two sub-folders may import each other."""
    place = folder.relative_to(PACKAGE).parts
    graph: dict[str, set[str]] = {}
    for path in (path for path in FILES if path.is_relative_to(folder) and path != folder / "__init__.py"):
        own = path.relative_to(folder).with_suffix("").parts[0]
        below = (module for module in imported_modules(path) if module[: len(place)] == place and module != place)
        graph.setdefault(own, set()).update({module[len(place)] for module in below} - {own})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_house_is_two_levels_deep_and_its_top_is_free():
    assert max(len(folder.relative_to(PACKAGE).parts) for folder in FOLDERS) == 2
    loose = {path.stem for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__", "errors", "emotions", "imaging", "devices", "atomic_files", "threads"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_command_line_prints_or_exits(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "exit", "quit"}, f"line {node.lineno}"


@pytest.mark.parametrize(
    "module",
    ["fer_keras", "fer_keras.recipe.recipe", "fer_keras.runs.run_folder", "fer_keras.imaging", "fer_keras.datasets"],
)
def test_light_modules_do_not_import_tensorflow(module):
    program = f"import sys, {module}; sys.exit(sum(name in sys.modules for name in ('tensorflow', 'keras')))"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


# Of these a path below a run comes first, or is what is called upon.
WRITERS = {"write_json", "write_text", "atomic_path", "atomic_folder", "save_figure", "write_manifest"}
# Before a run is finished there is no manifest; its teacher is noted in the record that the training has just begun.
BEFORE_THE_MANIFEST = {("training", "train", "_note_teacher")}


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name != "runs"], ids=name_of)
def test_runs_are_written_through_publish(path):
    """Drafts and stages of a run may be written; the run itself only takes whole results, with their sums."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef) or (*module_parts(path), function.name) in BEFORE_THE_MANIFEST:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                about = node.func if called == "write_manifest" else next(iter(node.args), None)
                names = [part.id for part in ast.walk(about) if isinstance(part, ast.Name)] if about else []
                assert called not in WRITERS or "run" not in names, f"line {node.lineno}: use run.publish()"
