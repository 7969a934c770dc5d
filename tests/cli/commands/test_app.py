"""``fer-keras app``: what is refused before a server starts, and what is said."""

import importlib.resources
import importlib.util
import socket

import pytest
from fer_keras_cli.main import run

from fer_keras.webapp import server


@pytest.fixture
def started(monkeypatch):
    """What the server would be started with; it is not."""
    calls = []
    monkeypatch.setattr(server, "run_server", lambda settings, options: calls.append((settings, options)))
    return calls


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    return str(number)


needs_streamlit = pytest.mark.skipif(
    importlib.util.find_spec("streamlit") is None, reason="the web page's extra is not installed"
)


def test_without_the_extra(monkeypatch, capsys):
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    assert run(["app"]) == 2
    assert 'pip install "fer_keras[web]"' in capsys.readouterr().err


@needs_streamlit
def test_it_listens_here_only_by_default(started, port, capsys):
    assert run(["app", "--port", port, "--no-browser"]) == 0
    ((settings, options),) = started
    assert (settings.models, settings.detector) == ((), "auto")
    assert "--server.address=127.0.0.1" in options
    assert "--server.headless=true" in options
    printed = capsys.readouterr().err
    assert f"http://127.0.0.1:{port}" in printed
    assert "Warning" not in printed


@needs_streamlit
def test_another_address_is_warned_of(started, port, capsys):
    assert run(["app", "--host", "0.0.0.0", "--port", port]) == 0
    assert "--server.address=0.0.0.0" in started[0][1]
    printed = capsys.readouterr().err
    assert "Warning: every computer that reaches this one can open the page" in printed
    assert "no password" in printed


@needs_streamlit
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--model", "no/such/run"], "no such model"),
        (["--detector", "harr"], "unknown face detector"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
    ],
)
def test_what_cannot_be_used_is_told_before_the_start(started, port, capsys, words, told):
    assert run(["app", "--port", port, *words]) == 2
    assert started == []
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


@needs_streamlit
def test_a_port_in_use(started, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run(["app", "--port", str(taken.getsockname()[1])]) == 2
    assert "another --port" in capsys.readouterr().err
    assert started == []


@needs_streamlit
def test_several_models(started, port):
    file = str(importlib.resources.files("fer_keras_saved_models") / "cnn-fer2013/exports/model_int8.tflite")
    assert run(["app", "--port", port, "--model", file, "--model", file.replace("int8", "dynamic")]) == 0
    assert len(started[0][0].models) == 2
