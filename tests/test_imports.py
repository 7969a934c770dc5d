"""The import direction of the house, and what must stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fer_keras"

# A module may import modules of its own and of lower floors; training and evaluation are not each other's.
FLOORS = {
    0: {"errors", "emotions"},
    1: {
        "config",
        "strict_yaml",
        "model_sections",
        "augmentation_section",
        "data_section",
        "pruning_section",
        "run_folder",
        "manifest",
        "imaging",
        "metrics",
        "history",
        "time_to_request",
        "feature_layers",
        "figure_style",
        "plotting",
        "plotting_data",
        "plotting_faces",
        "plotting_comparison",
        "paired_tests",
        "plotting_calibration",
        "plotting_explanation",
        "plotting_robustness",
        "reliability",
        "reporting",
        "selective",
        "temperature",
    },
    2: {
        "datasets",
        "augmentation",
        "balance",
        "capture",
        "corruptions",
        "losses",
        "models",
        "geometry",
        "photometric",
        "erasing",
        "mixing",
        "stateless_random",
        "warping",
    },
    3: {
        "input_pipeline",
        "any_size",
        "fused_normalization",
        "muon",
        "optimization",
        "checkpoints",
        "devices",
        "callbacks",
        "augmentation_preview",
        "exploration",
        "exploration_copies",
        "exploration_page",
        "exploration_report",
        "quality_page",
        "run_record",
        "second_opinion",
        "phases",
        "pruning",
        "frozen_features",
        "imported_run",
        "torch_checkpoint",
        "torch_classes",
        "torch_mapping",
        "torch_network",
        "torch_parity",
        "torch_weights",
        "foreign_keras",
    },
    4: {
        "training",
        "fitting",
        "torch_import",
        "keras_import",
        "prediction",
        "benchmark_process",
        "benchmark_worker",
        "calibration",
        "calibration_report",
        "evaluation",
        "evaluation_calibrated",
        "evaluation_report",
        "robustness",
        "robustness_report",
        "explanation",
        "explanation_report",
        "export",
        "inference",
    },
    5: {"comparison", "benchmark", "pruning_run", "time_to_accuracy", "timed_training", "training_clock"},
    6: {"webapp"},
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> set[str]:
    """Rooms of this package that a file imports, at any place in it."""
    here = ("fer_keras", *path.relative_to(PACKAGE).parent.parts)
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            names = [*base, *(node.module.split(".") if node.module else [])]
            if names[:1] == ["fer_keras"]:
                rooms |= {names[1]} if len(names) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("fer_keras.")}
    return rooms


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    room = room_of(path)
    if room == "__init__":
        return
    assert room in FLOOR, f"give {room} a floor in this test"
    for other in imported_rooms(path) - {room, "__version__"}:
        assert FLOOR[other] <= FLOOR[room], f"{room} imports {other}, which stands above it"
        assert {room, other} != {"training", "evaluation"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_command_line_prints_or_exits(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "exit", "quit"}, f"line {node.lineno}"


@pytest.mark.parametrize(
    "module", ["fer_keras", "fer_keras.config", "fer_keras.run_folder", "fer_keras.imaging", "fer_keras.datasets"]
)
def test_light_modules_do_not_import_tensorflow(module):
    program = f"import sys, {module}; sys.exit(sum(name in sys.modules for name in ('tensorflow', 'keras')))"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
