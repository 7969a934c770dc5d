"""docs/api.md is what the docstrings say, and its examples run."""

import importlib.util
import sys
from pathlib import Path

import matplotlib
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("make_api", DOCS / "make_api.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_api"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(page):
    assert (DOCS / "api.md").read_text(encoding="utf-8") == page.make_page(), "run: python docs/make_api.py"


def test_every_public_function_has_an_example(page):
    import fer_keras

    assert set(page.FUNCTIONS) == set(fer_keras.__all__)
    assert all("Example:" in getattr(fer_keras, name).__doc__ for name in page.FUNCTIONS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_examples_run(page, tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code in page.find_examples():
        exec(compile(code, "docs/api.md", "exec"), names)
    assert names["scores"]["n"] == 70
    assert names["network"].output_shape == (None, 7)
    assert len(names["predictions"].to_frame()) == 4
    assert list(names["comparison"].to_frame().index) == ["mine", "small"]
