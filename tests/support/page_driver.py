"""The page in a real browser: the server as a user starts it, and what a visitor does."""

from __future__ import annotations

import contextlib
import csv
import importlib.resources
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
INT8 = importlib.resources.files("fer_keras_saved_models") / "cnn-fer2013/exports/model_int8.tflite"

# Runs in the server's process before anything else, and writes down addresses it talks to and files it writes.
AUDIT = """
import os, sys
LOG = os.open(os.environ["FER_KERAS_AUDIT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
WRITES = os.O_WRONLY | os.O_RDWR
def hook(event, args):
    if event == "socket.connect":
        os.write(LOG, f"connect {args[1]!r}\\n".encode())
    elif event == "socket.getaddrinfo":
        os.write(LOG, f"lookup {args[0]!r}\\n".encode())
    elif event == "open" and isinstance(args[2], int) and args[2] & WRITES:
        os.write(LOG, f"write {args[0]!r}\\n".encode())
sys.addaudithook(hook)
"""


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """``fer-keras app`` in a process of its own.

    Attributes:
        url, port, process: of it.
    """

    def __init__(self, folder: Path):
        self.port, self._audit, self._log = free_port(), folder / "audit.txt", folder / "server.txt"
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "sitecustomize.py").write_text(AUDIT)
        places = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
        own = {"PYTHONPATH": places, "FER_KERAS_AUDIT": str(self._audit), "HOME": str(folder)}
        words = ["app", "--port", str(self.port), "--no-browser", "--model", str(INT8)]
        with self._log.open("w") as log:
            command = [sys.executable, "-m", "fer_keras_cli", *words]
            self.process = subprocess.Popen(command, cwd=folder, env={**os.environ, **own}, stdout=log, stderr=log)
        self._wait()

    def _wait(self, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5).status == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the server did not start: {self.log}")

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text()

    def audit(self, kind: str) -> list[str]:
        """What it did: ``connect`` to addresses, ``lookup`` names, ``write`` files."""
        lines = self._audit.read_text().splitlines()
        return [line.removeprefix(f"{kind} ") for line in lines if line.startswith(f"{kind} ")]

    def memory(self) -> float:
        """Resident MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def listens_on(self) -> set[str]:
        """Local addresses, in hexadecimal, of the sockets that listen on its port."""
        found = set()
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            found |= {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{self.port:04X}")}
        return found

    def stop(self) -> int:
        """End it as Ctrl-C does; returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class Visitor:
    """One browser context on the page, which may talk to the server only.

    Attributes:
        page: Playwright's.
        outside: addresses elsewhere that the page asked for.
    """

    def __init__(self, browser, url: str, *, dark: bool = False, size: tuple[int, int] = (1280, 900)):
        scheme = "dark" if dark else "light"
        viewport = {"width": size[0], "height": size[1]}
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, accept_downloads=True)
        self.context.set_default_timeout(60_000)
        self.page, self.outside, self._url = self.context.new_page(), [], url
        own = (url, url.replace("http", "ws", 1), "data:", "blob:")
        self.page.on("request", lambda request: request.url.startswith(own) or self.outside.append(request.url))
        self.page.goto(url)
        self.page.get_by_text("Before you point this at people").wait_for()

    def choose(self, source: str, then: str) -> None:
        """Switch between Pictures, Camera, Live and Video; wait for a text of the new part."""
        self.page.get_by_role("radio", name=source).click()
        self.page.get_by_text(then).first.wait_for()

    def upload(self, *files: tuple[str, bytes], to: str = "Pictures") -> None:
        """Give files to the upload of that name."""
        payload = [{"name": name, "mimeType": "", "buffer": content} for name, content in files]
        chosen = self.page.get_by_label(to, exact=True).get_by_test_id("stFileUploaderDropzoneInput")
        chosen.set_input_files(payload if len(payload) > 1 else payload[0])

    def wait_for(self, selector: str, count: int = 1) -> None:
        """Until that many elements are there."""
        self.page.locator(selector).nth(count - 1).wait_for(state="attached")

    def download(self, name: str = "Download CSV") -> list[dict[str, str]]:
        """Press a download button; returns the rows of the CSV file."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=name).click()
        text = Path(waiting.value.path()).read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text)))

    def settle(self) -> None:
        """Until the page's script has run to its end."""
        self.page.locator(".stApp[data-test-script-state=notRunning]").wait_for()

    def shoot(self, path: Path) -> None:
        """Keep a picture of the whole page, and check that nothing sticks out at the right."""
        self.settle()
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": size["width"], "height": min(height + 10, 3000)})
        self.page.screenshot(path=path, animations="disabled")
        self.page.set_viewport_size(size)
        wide = self.page.evaluate(
            "(main => main.scrollWidth - main.clientWidth)(document.querySelector('[data-testid=stMain]'))"
        )
        assert wide <= 0, f"the page is {wide} pixels wider than the window"

    def close(self) -> None:
        """Leave."""
        self.context.close()
        assert self.outside == []
