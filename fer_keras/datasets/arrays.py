"""Splits as ``.npy`` files that are mapped into memory, whole and unchanged, or not used. No TensorFlow.

A start reads of them what it needs, and memory does not grow with them. Files of another size than was written are
damaged. Files of another time are compared with their sha256. So are all files of a small set at each start, for
0.1 s per 100 MB; those of a larger one when somebody asks for it (``verify``).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..atomic_files import write_json
from ..errors import RunFolderError
from ..runs.manifest import file_sha256
from .chosen_faces import LARGE_BYTES
from .faces import SPLITS, Split

CONTENTS = "contents.json"
PARTS = ("images", "labels", "ids")

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


class DamagedCopyError(Exception):
    """The prepared copy is absent or damaged; the text says which."""


def write_split(folder: Path, name: str, faces: int, side: int, batches: Iterable[Batch]) -> Split:
    """Write one split and return it, mapped.

    Args:
        folder: where its three files go.
        name: of the split.
        faces: how many there must be.
        side: of the images in pixels.
        batches: images (B, side, side, 1) uint8, labels (B,) int64 and ids (B,) str, in order.

    Raises:
        DamagedCopyError: more or fewer faces came.
        OSError: the disk is full.
    """
    labels, ids, found = [np.empty(0, np.int64)], [np.empty(0, "U1")], 0
    # Written, not mapped: a full disk then is an error, and not the end of the process.
    with _path(folder, name, "images").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (faces, side, side, 1)}
        np.lib.format.write_array_header_1_0(file, header)
        for images, some_labels, some_ids in batches:
            file.write(np.ascontiguousarray(images, np.uint8).data)
            labels.append(some_labels)
            ids.append(some_ids)
            found += len(images)
    if found != faces:
        raise DamagedCopyError(f"{found} examples in split {name}, {faces} recorded")
    np.save(_path(folder, name, "labels"), np.concatenate(labels))
    np.save(_path(folder, name, "ids"), np.concatenate(ids))
    return _map_split(folder, name)


def seal_arrays(folder: Path, facts: dict) -> None:
    """Bring the files of a folder to the disk and write down their sizes, times and sums, beside ``facts``."""
    files = {}
    for path in sorted(folder.glob("*.npy")):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        files[path.name] = {**_stamp(path), "sha256": file_sha256(path)}
    (folder / CONTENTS).write_text(json.dumps({**facts, "files": files}, indent=2) + "\n", encoding="utf-8")


def open_arrays(folder: Path, *, verify: bool = False) -> tuple[dict[str, Split], dict]:
    """Return the splits of a folder, mapped, and the facts that it was sealed with.

    Args:
        folder: that :func:`seal_arrays` sealed.
        verify: compare every file with its sha256, whatever its size.

    Raises:
        DamagedCopyError: a file is missing or was changed.
    """
    try:
        facts = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        files = facts.pop("files")
        _check_files(folder, facts, files, verify)
        splits = {name: _map_split(folder, name) for name in SPLITS}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedCopyError(f"{folder.name} is damaged: {type(error).__name__}: {error}") from error
    return splits, facts


def _check_files(folder: Path, facts: dict, files: dict[str, dict], verify: bool) -> None:
    expected = {_path(folder, name, part) for name in SPLITS for part in PARTS}
    if {folder / name for name in files} != expected:
        raise DamagedCopyError(f"{folder.name} is damaged: files are missing from its list")
    verify = verify or sum(entry["bytes"] for entry in files.values()) < LARGE_BYTES
    moved = False
    for name, entry in files.items():
        stamp = _stamp(folder / name)
        same = stamp == {key: entry[key] for key in stamp}
        moved |= not same
        damaged = stamp["bytes"] != entry["bytes"] or ((verify or not same) and not _has_sum(folder / name, entry))
        if damaged:
            raise DamagedCopyError(f"{folder.name}/{name} is damaged")
    if moved:  # the copy was copied: nobody has to read it again at the next start
        with contextlib.suppress(RunFolderError):
            renewed = {name: entry | _stamp(folder / name) for name, entry in files.items()}
            write_json(folder / CONTENTS, {**facts, "files": renewed})


def _has_sum(path: Path, entry: dict) -> bool:
    return file_sha256(path) == entry["sha256"]


def _stamp(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}


def _map_split(folder: Path, name: str) -> Split:
    images, labels, ids = (np.load(_path(folder, name, part), mmap_mode="r").view(np.ndarray) for part in PARTS)
    return Split(images, np.array(labels), ids)


def _path(folder: Path, name: str, part: str) -> Path:
    return folder / f"{name}-{part}.npy"
