"""Models and detectors that many visitors share."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hostile_files import one_face

from fer_keras.inference import Predictor

pytest.importorskip("streamlit", reason="the web page's extra is not installed")


@pytest.fixture(scope="module")
def shared():
    return Predictor(detector=None)


def test_many_threads_get_their_own_answers(shared):
    crops = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 1), np.uint8)
    alone = [shared.classify(crops[[at]]) for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda at: shared.classify(crops[[at % 8]]), range(160)))
    assert all(np.array_equal(answer, alone[at % 8]) for at, answer in enumerate(together))


def test_settings_of_one_visitor_are_not_those_of_another(shared):
    from fer_keras.webapp.models import configured

    crop = np.asarray(one_face())[96:240:3, 96:240:3][None, ..., None]
    flipped = configured(shared, detector=None, margin=0.1, tta="flip")
    assert (shared.margin, shared.tta) == (0.0, "none")
    assert np.array_equal(flipped.classify(crop), Predictor(tta="flip", detector=None).classify(crop))
    assert not np.array_equal(flipped.classify(crop), shared.classify(crop))
    assert flipped._run is shared._run


def test_nothing_of_a_visitor_is_in_a_shared_cache():
    import ast
    from pathlib import Path

    import fer_keras.webapp

    cached = {}
    for path in Path(fer_keras.webapp.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any("cache" in ast.unparse(item) for item in node.decorator_list):
                cached[node.name] = [argument.arg for argument in node.args.args]
    shared = {"load_model": ["model"], "load_detector": ["name"], "_gates": [], "sample_picture": []}
    assert cached == {**shared, "let_go_of_the_gone": []}  # once for all visitors, and returns nothing


def test_a_detector_is_shared_and_none_is_none():
    from fer_keras.webapp.models import load_detector

    assert load_detector("none") is None
    found = load_detector("auto").detect(one_face())
    assert found == Predictor().find(one_face())
