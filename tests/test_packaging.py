"""What is installed from a clean clone: every module of the house, its data files, and nothing else."""

import ast
import configparser
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSTALLED = {"fer_keras": "fer_keras", "cli": "fer_keras_cli", "configs": "fer_keras_configs"}
DATA = {".py", ".yaml", ".j2", ".css", ".js", ".md", ".png", ".typed"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: there is nothing to clone"),
]


def run(*words, **options) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=280, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The files that git tracks, as they are in this checkout, and no other."""
    folder = tmp_path_factory.mktemp("clone") / "fer_keras"
    run("git", "clone", "--quiet", ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory) -> set[str]:
    """Names in the wheel that goes through the source archive, as ``python -m build`` makes it."""
    place = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", place, clone)
    (archive,) = place.glob("*.tar.gz")
    (file,) = place.glob("*.whl")
    assert archive.stat().st_size > file.stat().st_size / 2
    with zipfile.ZipFile(file) as content:
        return set(content.namelist())


def tracked(clone: Path, folder: str) -> list[Path]:
    names = run("git", "-C", clone, "ls-files", folder).split("\n")
    return [Path(name) for name in names if Path(name).suffix in DATA]


@pytest.mark.parametrize("folder", INSTALLED)
def test_the_wheel_holds_every_module_and_data_file(folder, clone, wheel):
    expected = {str(Path(INSTALLED[folder], *path.parts[1:])) for path in tracked(clone, folder)}
    assert len(expected) > 10
    assert expected <= wheel


def test_the_wheel_holds_the_shipped_models_and_no_test(wheel):
    assert "fer_keras_saved_models/cnn_small-fer2013/exports/model_int8.tflite" in wheel
    roots = {name.split("/")[0] for name in wheel if ".dist-info" not in name}
    assert roots == {*INSTALLED.values(), "fer_keras_saved_models"}


def test_an_editable_install_finds_every_package(clone, tmp_path):
    """The wheel of an editable install holds the finder that maps names to folders."""
    program = f"from setuptools import build_meta; print(build_meta.build_editable({str(tmp_path)!r}))"
    name = run(sys.executable, "-c", program, cwd=clone).split()[-1]
    site = tmp_path / "site"
    with zipfile.ZipFile(tmp_path / name) as content:
        content.extractall(site)
    check = (
        f"import site, sys; site.addsitedir({str(site)!r}); sys.path.append({sysconfig.get_path('purelib')!r}); "
        "import fer_keras.datasets.quality.gate as gate, fer_keras_cli.commands.recipes as recipes; "
        "from importlib import resources; "
        "print(gate.__file__, recipes.__file__, resources.files('fer_keras_configs') / 'cnn.yaml')"
    )
    # -S: nothing of what is installed here finds its own way into the path.
    found = run(sys.executable, "-S", "-c", check, cwd=tmp_path).split()
    assert [Path(path).resolve().is_relative_to(clone.resolve()) for path in found] == [True, True, True]


# A detector that a user may install; its own dependency is TensorFlow, and it is not tested with every release.
OPTIONAL = {"mtcnn"}
DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def test_what_is_imported_is_declared():
    """A package that only another one brings along goes when that one no longer needs it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    declared = {
        re.split(r"[\[<>=~;! ]", line)[0].lower().replace("_", "-")
        for block in lines
        for line in block.split("\n")
        if line
    }
    imported = set()
    for path in [*(ROOT / "fer_keras").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    own = {"fer_keras", "fer_keras_cli", "cli"}
    foreign = {name for name in imported - own if name not in sys.stdlib_module_names}
    names = {DISTRIBUTIONS.get(name, name).lower().replace("_", "-") for name in foreign}
    assert names - declared <= OPTIONAL
