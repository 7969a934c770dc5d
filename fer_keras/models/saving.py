"""Write a network so that equal networks are equal files. Backend-neutral."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import keras

from ..atomic_files import atomic_path

_SHARED = re.compile(r'("shared_object_id": )(\d+)')
# Of the entries of a zip archive, as Keras itself sets it.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def save_network(model: keras.Model, path: Path) -> None:
    """Write a ``.keras`` file, whole or not at all.

    What Keras takes from the moment stays out: the date, and addresses in memory as the names of shared objects, which
    become 1, 2, 3. So two trainings of equal outcome have the same sha256.

    Raises:
        RunFolderError: it cannot be written.
    """
    with atomic_path(path) as scratch:
        saved = scratch.with_name(f"moment-{scratch.name}")
        try:
            model.save(saved)
            with zipfile.ZipFile(saved) as source, zipfile.ZipFile(scratch, "w") as target:
                for name in source.namelist():
                    target.writestr(zipfile.ZipInfo(name, _NO_TIME), _without_the_moment(name, source.read(name)))
        finally:
            saved.unlink(missing_ok=True)


def _without_the_moment(name: str, content: bytes) -> bytes:
    if name == "metadata.json":
        return json.dumps({"keras_version": json.loads(content)["keras_version"], "date_saved": ""}).encode()
    if name == "config.json":
        numbers: dict[str, int] = {}
        return _SHARED.sub(
            lambda found: f"{found[1]}{numbers.setdefault(found[2], len(numbers) + 1)}", content.decode()
        ).encode()
    return content
