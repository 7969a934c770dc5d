"""Write docs/api.md from the docstrings of the public names; the tests hold the two together and run every example.

python docs/make_api.py
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import fer_keras
from fer_keras.comparison.collect import Comparison
from fer_keras.datasets.faces import FaceDataset
from fer_keras.evaluation.result import EvaluationResult
from fer_keras.inference.results import Prediction, Predictions
from fer_keras.training.train import TrainingResult

PAGE = Path(__file__).with_name("api.md")
# In the order in which they are used: the examples go on from each other.
FUNCTIONS = ("load_faces", "load_recipe", "make_recipe", "train", "RunFolder", "evaluate_run", "load", "export_run")
FUNCTIONS += ("Predictor", "compare_runs")
RESULTS = (FaceDataset, TrainingResult, EvaluationResult, Prediction, Predictions, Comparison)
_ENTRY = re.compile(r"    \*{0,2}\w+(, \*{0,2}\w+)*: ")
SECTIONS = ("Args:", "Returns:", "Raises:", "Attributes:", "Example:")
HEAD = """# Python

Made from the docstrings by `python docs/make_api.py`; the examples are executed in the tests, one after the other.
`import fer_keras` imports nothing heavy, and after it `keras.models.load_model` knows the layers of this project. Paths
may be strings; runs may be named as in a shell (`last`, a name in `saved_models`, `cnn_small-fer2013` of the package).
"""


def make_page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    parts += [_describe(f"fer_keras.{name}", getattr(fer_keras, name)) for name in FUNCTIONS]
    parts += ["# Results\n", *(_describe(kind.__name__, kind) for kind in RESULTS)]
    return "\n".join(parts)


def find_examples() -> list[str]:
    """The code of every example on the page, in order."""
    return re.findall(r"```python\n(.*?)```", make_page(), re.DOTALL)


def _describe(title: str, thing: object) -> str:
    lines = [f"## {title}", "", *_signature(thing), *_document(inspect.getdoc(thing) or "")]
    if inspect.isclass(thing):
        constructor = thing.__dict__.get("__init__")
        if constructor is not None and (text := inspect.getdoc(constructor)):
            lines += _document(text)
        for name, member in vars(thing).items():
            function = member.__func__ if isinstance(member, classmethod) else member
            if not name.startswith("_") and inspect.isfunction(function):
                lines += [f"### {thing.__name__}.{name}", "", *_signature(function)]
                lines += _document(inspect.getdoc(function) or "")
    return "\n".join(lines)


def _signature(thing) -> list[str]:
    try:
        text = str(inspect.signature(thing)).replace("'", "")
    except ValueError:
        return []
    return [f"    {getattr(thing, '__name__', '')}{text}", ""]


def _document(text: str) -> list[str]:
    """A docstring as Markdown: sections as lists, roles of Sphinx as code, examples as code blocks."""
    text = re.sub(r":\w+:`[~.]*([^`]+)`", r"`\1`", text).replace("``", "`")
    lines: list[str] = []
    section = ""
    for line in text.split("\n"):
        if line.strip() in SECTIONS:
            section = line.strip()
            lines += ["```python"] if section == "Example:" else [f"**{section[:-1]}**", ""]
        elif section == "Example:":
            lines.append(line[4:])
        elif section in ("Args:", "Raises:", "Attributes:") and _ENTRY.match(line):
            name, _, rest = line.strip().partition(": ")
            lines.append(f"- `{name}`: {rest}")
        elif section:
            lines.append(f"  {line.strip()}" if line.strip() and section != "Returns:" else line.strip())
        else:
            lines.append(line)
    return [*lines, "```", ""] if section == "Example:" else [*lines, ""]


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
