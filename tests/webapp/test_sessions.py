"""Ten visitors at once: everyone gets the answer to their own picture."""

import pytest
from hostile_files import encode, one_face
from page_driver import INT8

from fer_keras.inference import Predictor
from fer_keras.inference.results import as_row

pytestmark = pytest.mark.slow
VISITORS = 10


def expected(content, name):
    """The row that the command line would write, as text."""
    predictor = Predictor(str(INT8))
    row = as_row(predictor.predict(content)[0], predictor.classes) | {"file": name}
    return {key: "" if value is None else str(value) for key, value in row.items()}


def test_results_do_not_cross(visit, server):
    pictures = [encode(one_face(number)) for number in range(VISITORS)]
    visitors = [visit() for _ in range(VISITORS)]
    for number, (visitor, content) in enumerate(zip(visitors, pictures, strict=True)):
        visitor.upload((f"visitor-{number}.png", content))
    for number, (visitor, content) in enumerate(zip(visitors, pictures, strict=True)):
        visitor.wait_for('[data-state="found"]')
        visitor.settle()
        text = visitor.page.locator(".fk-result").inner_text()
        assert f"visitor-{number}.png" in text
        assert f"{320 + number} × 320 px" in text
        (row,) = visitor.download()
        assert row == expected(content, f"visitor-{number}.png")
    rows = {tuple(sorted(expected(content, "x").items())) for content in pictures}
    assert len(rows) == VISITORS  # the pictures do have different answers
    assert server.process.poll() is None
    assert "Traceback" not in server.log


def test_it_ends_on_ctrl_c(server):
    assert server.stop() == 0
