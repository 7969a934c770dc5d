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
            The features, or None when ``stopped`` said so; what was computed stays.

        Raises:
            RunFolderError: the file system refuses.
        """
        features = np.empty(shape, np.float32)
        done, digest, earlier = self._load(name, key, features)
        begin = noted = time.perf_counter()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self._path(name), "r+b" if done else "wb") as file:
                file.truncate(features[:done].nbytes)
                file.seek(0, os.SEEK_END)
                for start in range(done, len(features), batch):
                    stop = min(start + batch, len(features))
                    features[start:stop] = compute(start, stop)
                    file.write(features[start:stop].tobytes())
                    digest.update(features[start:stop].tobytes())
                    asked, now = stopped(), time.perf_counter()
                    if asked or stop == len(features) or now - noted >= self.interval:
                        note = {"key": key, "rows": stop, "sha256": digest.hexdigest()}
                        self._write_note(name, file, note | {"seconds": earlier + now - begin})
                        noted = now
                    if asked:
                        return None
        except OSError as error:
            raise refusal(self._path(name), error) from error
        return features

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

    def _load(self, name: str, key: str, features: np.ndarray) -> tuple[int, Any, float]:
        """Fill in the rows that are whole: how many they are, the digest of their bytes, the seconds they took."""
        note = self._read_note(self._path(name).with_suffix(".json"))
        if note and note["key"] == key and 0 < note["rows"] <= len(features) and self._path(name).is_file():
            size = features[: note["rows"]].nbytes
            with open(self._path(name), "rb") as file:
                content = file.read(size)
            digest = hashlib.sha256(content)
            if len(content) == size and digest.hexdigest() == note["sha256"]:
                features.reshape(-1)[: size // 4] = np.frombuffer(content, np.float32)
                return note["rows"], digest, note["seconds"]
        return 0, hashlib.sha256(), 0.0
