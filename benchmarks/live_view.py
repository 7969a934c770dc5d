"""Milliseconds of the live view's round trip: from a camera's picture in the browser to the boxes drawn over it.

    python benchmarks/live_view.py [--pictures 200]

Starts the page as a user does, and Chromium with a film of 640x480 and one drawn face for a camera (needs playwright
and Chromium). Each picture is encoded as JPEG, sent, decoded, searched, classified, answered and drawn before the next
one is sent; the page itself keeps the times. Prints the median and the tenth and ninetieth percentile.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fer_keras.datasets.synthetic.drawing import draw_faces

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
# The page tells its last round trip; this keeps each of them.
_KEEP = """(stage) => {
  window.trips = [];
  new MutationObserver(() => window.trips.push(Number(stage.dataset.roundTrip)))
    .observe(stage, { attributes: true, attributeFilter: ["data-answers"] });
}"""


def write_film(path: Path) -> Path:
    """What Chromium takes for a camera: JPEG pictures one after the other, in which a face sways."""
    face = Image.fromarray(draw_faces(np.array([3]), 1)[0, ..., 0]).resize((220, 220), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    for at in range(60):
        picture = Image.new("L", (640, 480), 118)
        picture.paste(face, (210 + round(80 * np.sin(at / 60 * 2 * np.pi)), 130))
        picture.convert("RGB").save(stream, "JPEG", quality=92)
    path.write_bytes(stream.getvalue())
    return path


def measure(pictures: int, folder: Path) -> list[float]:
    """Milliseconds from each picture to its boxes."""
    from page_driver import CHROMIUM, FLAGS, Server, Visitor
    from playwright.sync_api import sync_playwright

    film = write_film(folder / "film.mjpeg")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    camera.append(f"--use-file-for-fake-video-capture={film}")
    server = Server(folder)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *camera])
            visitor = Visitor(browser, server.url)
            visitor.choose("Live", "newest picture")
            visitor.page.get_by_role("button", name="Start the camera").click()
            visitor.page.locator(".box b").first.wait_for()
            visitor.page.locator(".stage").evaluate(_KEEP)
            visitor.page.wait_for_function(f"window.trips.length > {pictures}", timeout=600_000)
            return visitor.page.evaluate("window.trips")[1:]
    finally:
        server.stop()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        low, median, high = np.percentile(measure(options.pictures, Path(folder)), (10, 50, 90))
    print(f"round trip of a picture of 640x480: median {median:.1f} ms, 10 to 90 %: {low:.1f} to {high:.1f} ms")


if __name__ == "__main__":
    main()
