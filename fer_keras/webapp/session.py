"""What is kept of one visitor: results in ``st.session_state``, never in a cache that visitors share."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable
from typing import Any

import streamlit as st
from streamlit import runtime

# Seconds between two looks for visitors who are gone.
LOOK_EVERY = 5.0
_ROUND, _RESULTS, _WHOLE = "fk_round", "fk_results", "fk_whole"
SAMPLE, LIVE = "fk_sample", "fk_live_state"


def widget_key(name: str) -> str:
    """Key of an upload widget; another one after :func:`clear`, which empties the widget."""
    return f"{name}-{st.session_state.get(_ROUND, 0)}"


def clear() -> None:
    """Let go of all uploads and results of this visitor."""
    turn = st.session_state.get(_ROUND, 0) + 1
    for key in [key for key in st.session_state if str(key).startswith("fk_")]:
        del st.session_state[key]
    st.session_state[_ROUND] = turn


def results() -> dict[Hashable, Any]:
    """Results by what they were made from."""
    return st.session_state.setdefault(_RESULTS, {})


def keep_only(keys: Iterable[Hashable]) -> None:
    """Let go of results of pictures that are no longer uploaded, and of earlier settings."""
    kept, wanted = results(), set(keys)
    for key in [key for key in kept if key not in wanted]:
        del kept[key]


def forget_live() -> None:
    """Let go of the live view's last picture and numbers, when another part of the page is shown."""
    st.session_state.pop(LIVE, None)


def take_as_whole(picture: str) -> None:
    """Remember that a visitor wants the whole picture scored as one face."""
    st.session_state.setdefault(_WHOLE, set()).add(picture)


def is_whole(picture: str) -> bool:
    """Whether :func:`take_as_whole` was called for it."""
    return picture in st.session_state.get(_WHOLE, ())


@functools.cache
def let_go_of_the_gone() -> None:
    """End the sessions of closed pages when ``server.disconnectedSessionTTL`` is over, for as long as the server runs.

    Streamlit looks for them only when another visitor comes or goes; until then uploads and annotated videos of the
    last visitor would stay in memory, and be served to whoever knows their address.
    """
    server: Any = runtime.get_instance()
    if not hasattr(server, "_session_mgr"):  # Streamlit's stand-in for tests, without visitors
        return
    loop, stored = server._get_async_objs().eventloop, server._session_mgr._session_storage._cache

    def look() -> None:
        for _, gone in stored.expire():
            # Not left to the end of its last reference: Streamlit's own loop keeps one until somebody comes.
            gone.session.shutdown()
            gone.session.session_state.clear()
            server.media_file_mgr.remove_orphaned_files()  # the first time, in shutdown, it only marks downloads
        loop.call_later(LOOK_EVERY, look)

    loop.call_soon_threadsafe(look)
