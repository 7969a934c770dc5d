"""One server and one browser for the tests of a file, started when the first one asks for them."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """``fer-keras app`` with two models."""
    pytest.importorskip("streamlit", reason="the web page's extra is not installed")
    from page_driver import Server

    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture(scope="module")
def playwright():
    """Playwright's entry, or a skip."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    from page_driver import CHROMIUM

    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with api.sync_playwright() as entry:
        yield entry


@pytest.fixture(scope="module")
def launch(playwright):
    """Start Chromium with further flags; all of them are closed at the end."""
    from page_driver import CHROMIUM, FLAGS

    started = []

    def start(*flags):
        started.append(playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags]))
        return started[-1]

    yield start
    for browser in started:
        browser.close()


@pytest.fixture(scope="module")
def browser(launch):
    """A Chromium without a camera."""
    return launch()


@pytest.fixture
def visit(browser, server):
    """Open the page as a new visitor; nothing but the server may be asked for anything."""
    from page_driver import Visitor

    visitors = []

    def open_page(other=None, **options):
        visitors.append(Visitor(other or browser, server.url, **options))
        return visitors[-1]

    yield open_page
    for visitor in visitors:
        visitor.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    """Folder that FER_KERAS_SCREENSHOTS names, else one of pytest's."""
    given = os.environ.get("FER_KERAS_SCREENSHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
