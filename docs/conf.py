"""The docs site: ``sphinx-build -W --keep-going -b html docs docs/_build/html``. A broken link is an error."""

import importlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = "fer_keras"
author = copyright = "The fer_keras authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "seeds/**", "measured/*/**", "quickstart.ipynb"]
html_theme = "furo"
html_title = "fer_keras"
html_static_path = []
# The pages are Markdown that is read on its own too: their links are files, the headings of a page are its anchors.
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # pages begin where they must, for a reader without the site
# Types stand in the signatures already; heavy imports are real, so that what is documented is what runs.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
nitpicky = False

ROOMS = ("fer_keras", *(f"fer_keras.{name}" for name in ("datasets", "models", "inference", "export", "comparison")))

# Files that pages point to, but that are no pages of the site: they lead to the repository.
OUTSIDE = re.compile(r"\]\((\.\./[^)#]+|seeds/[^)#]+|measured/[^)#]+|[\w/]+\.(?:py|ipynb|json|csv|yaml))(#[^)]*)?\)")


def lead_outside(app, docname, source):
    """Check links to files of the repository, and let them lead there, since the site holds pages alone."""
    page = Path(app.srcdir, docname).parent

    def lead(match):
        file = (page / match[1]).resolve()
        if not file.exists():
            raise FileNotFoundError(f"{docname}: {match[1]} is not there")
        if file.suffix == ".png":
            return match[0]
        return f"]({app.config.repository}/{file.relative_to(ROOT).as_posix()}{match[2] or ''})"

    source[0] = OUTSIDE.sub(lead, source[0])


def write_api_pages(app):
    """One page per room with a public list: what ``__all__`` names, from its docstrings."""
    folder = Path(app.srcdir, "api")
    folder.mkdir(exist_ok=True)
    for room in ROOMS:
        module = importlib.import_module(room)
        again = ["   :no-index:"] if room == "fer_keras" else []  # its names have their homes in the rooms
        lines = [f"# {room}", "", "```{eval-rst}", f".. automodule:: {room}", ""]
        for name in module.__all__:
            found = getattr(module, name)
            if isinstance(found, dict):  # a table: what it is stands in its room
                continue
            kind = "class" if isinstance(found, type) else "function"
            lines += [f".. auto{kind}:: {room}.{name}", *(["   :members:"] if kind == "class" else []), *again, ""]
        (folder / f"{room}.md").write_text("\n".join([*lines, "```", ""]), encoding="utf-8")


def show_example(app, what, name, obj, options, lines):
    """Examples are code, not prose: the tests run them."""
    lines[:] = ["Example::" if line == "Example:" else line for line in lines]
    if "Example::" in lines:
        lines.insert(lines.index("Example::") + 1, "")


def setup(app):
    app.connect("autodoc-process-docstring", show_example, priority=1)  # before napoleon
    app.add_config_value("repository", "https://github.com/fer-keras/fer_keras/blob/main", "env")
    app.connect("builder-inited", write_api_pages)
    app.connect("source-read", lead_outside)
