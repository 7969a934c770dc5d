"""The menu of face detectors. OpenCV and others are imported when one is made."""

from __future__ import annotations

from ...errors import InputError, nearest_hint
from .protocol import Detector

NAMES = ("auto", "haar", "haar:SIDE", "yunet:PATH", "mtcnn", "none")


def make_detector(name: str = "auto") -> Detector | None:
    """Make a detector; ``none`` makes None: every picture is taken as a face.

    Args:
        name: ``auto`` (the same as ``haar``), ``haar`` (frontal faces, in OpenCV), ``haar:1600`` (large pictures are
            reduced to 1600 pixels before the search instead of 640, so that smaller faces are found), ``yunet:PATH``
            (a network that OpenCV runs, in a file of the user's), ``mtcnn`` (needs the package of that name), ``none``.

    Raises:
        InputError: unknown name, or a package or file that is missing.
    """
    kind, _, path = name.partition(":")
    if kind in ("auto", "haar") and not path:
        from .haar import HaarDetector

        return HaarDetector()
    if kind == "haar" and path.isascii() and path.isdigit() and 64 <= int(path) <= 12_000:
        from .haar import HaarDetector

        return HaarDetector(int(path))
    if kind == "yunet" and path:
        from .yunet import YunetDetector

        return YunetDetector(path)
    if name == "mtcnn":
        from .mtcnn import MtcnnDetector

        return MtcnnDetector()
    if name == "none":
        return None
    hint = "YuNet needs its model file: --detector yunet:PATH" if kind == "yunet" else nearest_hint(kind, NAMES)
    raise InputError("unknown face detector", allowed=", ".join(NAMES), received=repr(name), hint=hint)
