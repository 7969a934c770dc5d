"""Many visitors of one page, and videos that are left in the middle: does the server's memory stay flat?

    python tests/fault_injection/page_load.py --rounds 4       20 visitors with 40 uploads, 30 videos left, each round

Prints the server's resident memory after each round, once all sessions are over (a minute and some seconds), and what
lies in the folder of temporary files. Needs Chromium and Playwright. The first round fills pools and caches: the others
are to be compared with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from hostile_files import encode, one_face
from page_driver import CHROMIUM, FLAGS, Server, Visitor

VISITORS, UPLOADS, VIDEOS, LEAVE_AFTER = 20, 2, 30, 1500
SESSIONS_END = 75


def write_video(path: Path, frames: int = 80) -> None:
    """A face that moves over a gray ground."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (640, 480))
    face = cv2.resize(one_face(), (320, 320))
    for number in range(frames):
        frame = np.full((480, 640, 3), 90, np.uint8)
        frame[80:400, number : number + 320] = face if face.ndim == 3 else face[..., None]
        writer.write(frame)
    writer.release()


def visit_with_pictures(browser, url: str) -> int:
    """All visitors at once, each with pictures; how many answers came."""
    visitors = [Visitor(browser, url) for _ in range(VISITORS)]
    for number, visitor in enumerate(visitors):
        visitor.upload(*((f"{number}-{k}.png", encode(one_face(10 * number + k))) for k in range(UPLOADS)))
    found = 0
    for visitor in visitors:
        visitor.wait_for(".fk-result", UPLOADS)
        found += visitor.page.locator(".fk-result").count()
        visitor.close()
    return found


def leave_videos(browser, url: str, video: Path) -> None:
    """Videos one after the other; each page is closed while its video is analysed."""
    for _ in range(VIDEOS):
        visitor = Visitor(browser, url)
        visitor.page.get_by_text("Video", exact=False).first.click()
        visitor.page.locator("input[type=file]").first.set_input_files(str(video))
        visitor.page.wait_for_timeout(LEAVE_AFTER)
        visitor.close()


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    chosen = parser.parse_args(arguments)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place, sync_playwright() as entry:
        folder = Path(place)
        write_video(folder / "face.mp4")
        server = Server(folder)
        browser = entry.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        print(f"{'round':>5}  answers  MiB at the end of all sessions", flush=True)
        for number in range(1, chosen.rounds + 1):
            answers = visit_with_pictures(browser, server.url)
            leave_videos(browser, server.url, folder / "face.mp4")
            time.sleep(SESSIONS_END)
            print(f"{number:>5}  {answers:>7}  {server.memory():.0f}", flush=True)
        browser.close()
        left = sorted(path.name for path in Path(tempfile.gettempdir()).glob("fer-keras-*"))
        print(f"exit code {server.stop()}; temporary files left: {', '.join(left) or 'none'}")


if __name__ == "__main__":
    main()
