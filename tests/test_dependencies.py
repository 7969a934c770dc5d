"""What the code imports is what setup.cfg declares."""

import ast
import configparser
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN = {"fer_keras", "fer_keras_cli", "fer_keras_configs", "fer_keras_saved_models"}
# Read where they are there, and named by the error where they are not.
OPTIONAL = {"mtcnn"}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    lines = [line for text in listed for line in text.splitlines() if line.strip()]
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in lines}


def imported():
    names = set()
    for file in (path for folder in ("fer_keras", "cli") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OWN - OPTIONAL


def test_every_package_that_is_imported_is_declared():
    known = packages_distributions()
    missing = {name for name in imported() if not {normal(d) for d in known.get(name, [name])} & declared()}
    assert missing == set()


def test_dependency_groups_repeat_the_extra_for_development():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    dev = set(config["options.extras_require"]["dev"].split())
    assert set(groups["lint"]) | set(groups["docs"]) <= dev
