"""What is kept of one visitor: results in ``st.session_state``, never in a cache that visitors share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import streamlit as st

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
