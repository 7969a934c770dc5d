"""Start Streamlit on the page, with settings that are safe whatever the user's configuration files say."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import ipaddress
import socket
from pathlib import Path

from ..errors import InputError
from .settings import UPLOAD_MB, AppSettings
from .theme import theme_options

SCRIPT = Path(__file__).with_name("start.py")
_INSTALL = 'pip install "fer_keras[web]"'

# Streamlit's own defaults listen on every interface, take 200 MB, send usage statistics and show tracebacks.
# A configuration file in the working folder may loosen neither these nor the origins.
_FIXED = {
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "global.developmentMode": "false",
    "runner.magicEnabled": "false",
    "server.allowRunOnSave": "false",
    "server.disconnectedSessionTTL": "60",
    "server.enableAgentApi": "false",
    "server.enableCORS": "true",
    "server.enableStaticServing": "false",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.maxMessageSize": "50",
    "server.maxUploadSize": str(UPLOAD_MB),
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
}


def require_streamlit() -> None:
    """Fail in one line where the extra is missing.

    Raises:
        InputError: Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise InputError("the web page needs Streamlit", hint=f"Install it: {_INSTALL}")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_port(host: str, port: int) -> None:
    """Fail before anything is loaded if nothing can listen there.

    Raises:
        InputError: the port is in use or forbidden, or the address is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: TIME_WAIT is no use
            probe.bind(address)
    except socket.gaierror as error:
        raise InputError("unknown address", received=host, hint="Give --host an address of this machine") from error
    except OSError as error:
        hint = "Stop the other program, or give another --port"
        raise InputError(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error


def server_options(host: str, port: int, *, browser: bool, public_host: str | None = None) -> list[str]:
    """Return Streamlit's flags, which win over its environment variables and configuration files.

    Args:
        host: address to listen on.
        port: TCP port.
        browser: open a browser window, where there is a desktop.
        public_host: name under which a proxy offers the page.
    """
    options = {**_FIXED, **theme_options(), "server.address": host, "server.port": str(port)}
    options["server.headless"] = "false" if browser else "true"
    if public_host:
        options["browser.serverAddress"] = public_host
    # Lists cannot be given empty: the page's own address is the one origin.
    options |= dict.fromkeys(("client.allowedOrigins", "server.corsAllowedOrigins"), f"http://localhost:{port}")
    flags = [f"--{name}={value}" for name, value in options.items() if _is_known(name)]
    return flags + [f"--server.allowedHosts={name}" for name in _allowed_hosts(host, public_host)]


def _is_known(name: str) -> bool:
    """Whether this version of Streamlit has an option."""
    from streamlit.web.cli import main_run

    return any(f"--{name}" in option.opts for option in main_run.params)


def _allowed_hosts(host: str, public_host: str | None) -> list[str]:
    """Names in the Host header that are answered: a page of another name that resolves to this machine gets nothing."""
    if not is_loopback(host) and not public_host:
        return []  # the names of this machine are not known here
    return list(dict.fromkeys(name for name in ("localhost", "127.0.0.1", "[::1]", host, public_host) if name))


def _keep_what_is_imported() -> None:
    """Take the libraries out of the search for garbage, before there is anything of a visitor's.

    Streamlit searches after each run of the page, also after each picture of the live view: 100 ms with all of them.
    """
    for name in ("ai_edge_litert.interpreter", "cv2", "pandas", "fer_keras.webapp.video_analysis"):
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def run_server(settings: AppSettings, options: list[str]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        settings: for the page.
        options: of :func:`server_options`.
    """
    from streamlit.web.cli import main

    _keep_what_is_imported()
    main(["run", str(SCRIPT), *options, "--", *settings.as_arguments()], standalone_mode=False)
