"""How Streamlit is started."""

import ast
import json
import socket
import subprocess
import sys

import pytest

from fer_keras.errors import InputError
from fer_keras.webapp.server import check_port, is_loopback, server_options

pytest.importorskip("streamlit", reason="the web page's extra is not installed")


def as_dict(flags):
    return dict(flag.removeprefix("--").split("=", 1) for flag in flags)


def test_options_are_safe():
    options = as_dict(server_options("127.0.0.1", 8501, browser=False))
    assert options["server.address"] == "127.0.0.1"
    assert options["server.maxUploadSize"] == "10"
    assert options["server.fileWatcherType"] == options["client.showErrorDetails"] == "none"
    assert options["server.corsAllowedOrigins"] == options["client.allowedOrigins"] == "http://localhost:8501"
    assert options["server.enableAgentApi"] == options["server.allowRunOnSave"] == "false"
    assert options["browser.gatherUsageStats"] == options["runner.magicEnabled"] == "false"
    assert (
        options["server.enableXsrfProtection"] == options["server.enableCORS"] == options["server.headless"] == "true"
    )


def test_streamlit_knows_every_option():
    from streamlit.web.cli import main_run

    known = {name for option in main_run.params for name in option.opts}
    given = server_options("127.0.0.1", 8501, browser=True, public_host="fer.example.org")
    assert {flag.split("=")[0] for flag in given} <= known


def test_a_configuration_file_loosens_nothing(tmp_path, monkeypatch):
    program = """
import sys, streamlit.web.bootstrap as bootstrap
from streamlit import config
def shown(script, is_hello, args, options, **more):
    bootstrap.load_config_options(options)
    print({name: config.get_option(name) for name in sys.argv[1].split(",")})
bootstrap.run = shown
from fer_keras.webapp.server import run_server, server_options
from fer_keras.webapp.settings import AppSettings
run_server(AppSettings(), server_options("127.0.0.1", 8501, browser=False))
"""
    loose = {
        "server.corsAllowedOrigins": ["http://evil.example"],
        "client.allowedOrigins": ["http://evil.example"],
        "server.enableXsrfProtection": False,
        "server.enableAgentApi": True,
        "server.enableStaticServing": True,
        "server.allowedHosts": ["evil.example"],
    }
    lines = [f"{name.split('.')[0]}.{name.split('.')[1]} = {json.dumps(value)}" for name, value in loose.items()]
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-c", program, ",".join(loose)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "evil" not in done.stdout
    for name, value in ast.literal_eval(done.stdout).items():
        assert value != loose[name]


def test_names_that_are_answered():
    def hosts(*args, **options):
        flags = server_options(*args, browser=False, **options)
        return [flag.partition("=")[2] for flag in flags if flag.startswith("--server.allowedHosts")]

    assert hosts("127.0.0.1", 1) == ["localhost", "127.0.0.1", "[::1]"]
    assert "fer.example.org" in hosts("127.0.0.1", 1, public_host="fer.example.org")
    assert hosts("0.0.0.0", 1) == []


HERE, ELSEWHERE = ("127.0.0.1", "::1", "localhost", "127.8.0.1"), ("0.0.0.0", "192.168.0.4", "example.org")


@pytest.mark.parametrize("host", HERE + ELSEWHERE)
def test_loopback(host):
    assert is_loopback(host) is (host in HERE)


def test_a_port_in_use_is_refused_before_anything_is_loaded():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}.*another --port"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(InputError, match="cannot listen on 192.0.2.1"):
        check_port("192.0.2.1", 8501)
