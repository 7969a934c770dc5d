"""Features of a frozen base on disk while they are computed: a killed run goes on where it was. No TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..atomic_files import refusal, write_json

_BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class FeatureStore:
    """Rows of features in ``features-<name>.f32``, and beside it a note of what is known to be whole.

    The note says which sha256 the first rows had: what a crash or the disk has spoiled is computed again.

    Attributes:
        folder: of the checkpoints.
        interval: seconds between notes.
    """

    folder: Path
    interval: float

    @property
    def seconds(self) -> float:
        """What the computation took, in all processes that took part."""
        notes = [self._read_note(path) for path in self.folder.glob("features-*.json")]
        return float(sum(note["seconds"] for note in notes if note))

    def fill(
        self,
        name: str,
        key: str,
        shape: tuple[int, int],
        compute: Callable[[int, int], np.ndarray],
        batch: int,
        *,
        stopped: Callable[[], bool],
    ) -> np.ndarray | None:
        """Return features (rows, width) float32, computed from the first batch that is not there.

        Args:
            name: of the pictures.
            key: says what the features follow from; those of another key are not used.
            shape: of the features.
            compute: takes a start and a stop and returns the rows in between.
            batch: rows of a call.
            stopped: asked after each batch.

        Returns:
            The features, mapped from their file: those of a large data set fill memory. None when ``stopped`` said so;
            what was computed stays.

        Raises:
            RunFolderError: the file system refuses.
        """
        rows, row_bytes = shape[0], 4 * shape[1]
        done, digest, earlier = self._load(name, key, rows, row_bytes)
        begin = noted = time.perf_counter()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self._path(name), "r+b" if done else "wb") as file:
                file.truncate(done * row_bytes)
                file.seek(0, os.SEEK_END)
                for start in range(done, rows, batch):
                    stop = min(start + batch, rows)
                    made = np.ascontiguousarray(compute(start, stop), np.float32).tobytes()
                    file.write(made)
                    digest.update(made)
                    asked, now = stopped(), time.perf_counter()
                    if asked or stop == rows or now - noted >= self.interval:
                        note = {"key": key, "rows": stop, "sha256": digest.hexdigest()}
                        self._write_note(name, file, note | {"seconds": earlier + now - begin})
                        noted = now
                    if asked:
                        return None
        except OSError as error:
            raise refusal(self._path(name), error) from error
        return np.memmap(self._path(name), np.float32, "r", shape=shape).view(np.ndarray)

    def _path(self, name: str) -> Path:
        return self.folder / f"features-{name}.f32"

    def _write_note(self, name: str, file: IO[bytes], note: dict) -> None:
        file.flush()
        os.fsync(file.fileno())
        write_json(self._path(name).with_suffix(".json"), note)

    @staticmethod
    def _read_note(path: Path) -> dict | None:
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            known = isinstance(note["rows"], int) and float(note["seconds"]) >= 0
            return note if known and isinstance(note["sha256"], str) and isinstance(note["key"], str) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # none, or damaged: computed again
            return None

    def _load(self, name: str, key: str, rows: int, row_bytes: int) -> tuple[int, Any, float]:
        """How many rows are whole, the digest of their bytes, the seconds they took."""
        note, digest = self._read_note(self._path(name).with_suffix(".json")), hashlib.sha256()
        if note and note["key"] == key and 0 < note["rows"] <= rows and self._path(name).is_file():
            left = note["rows"] * row_bytes
            with open(self._path(name), "rb") as file:
                while left and (content := file.read(min(left, _BLOCK_BYTES))):
                    digest.update(content)
                    left -= len(content)
            if not left and digest.hexdigest() == note["sha256"]:
                return note["rows"], digest, note["seconds"]
        return 0, hashlib.sha256(), 0.0
