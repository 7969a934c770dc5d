"""Pack finished run folders into files of limited size, and prove that they can be unpacked.

    python benchmarks/pack_runs.py saved_models/all/* --output packed [--megabytes 16]
    cat packed/NAME.tar.gz* | tar xz          # one run, whether in one file or in parts

Only what the manifest lists goes in: no checkpoints, no optimizer state. packed.json holds the sha256 of every file.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from fer_keras.atomic_files import write_json
from fer_keras.errors import FerKerasError
from fer_keras.runs.manifest import file_sha256
from fer_keras.runs.run_folder import RunFolder

LIMIT_MB = 16


class _Parts(io.RawIOBase):
    """A stream that goes to files of at most ``limit`` bytes: PATH, or PATH.000, PATH.001 when one is not enough."""

    def __init__(self, path: Path, limit: int):
        self.path, self.limit, self.files = path, limit, [path]
        self._handle = open(path, "wb")  # noqa: SIM115  closed by close()
        self._room = limit

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view):
            if not self._room:
                self._next()
            piece = view[written : written + self._room]
            self._handle.write(piece)
            written += len(piece)
            self._room -= len(piece)
        return written

    def _next(self) -> None:
        self._handle.close()
        if len(self.files) == 1:
            self.files[0] = self.path.rename(self._part(0))
        self.files.append(self._part(len(self.files)))
        self._handle = open(self.files[-1], "wb")  # noqa: SIM115
        self._room = self.limit

    def _part(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number:03d}")

    def close(self) -> None:
        self._handle.close()
        super().close()


def pack_run(path: Path, output: Path, limit: int) -> list[Path]:
    """Pack one finished run into files of at most ``limit`` bytes; earlier ones of that name are removed.

    Raises:
        RunFolderError, ModelFileError: unfinished, changed or damaged.
    """
    run = RunFolder.open(path)
    run.verify()
    name = run.path.resolve().name
    output.mkdir(parents=True, exist_ok=True)
    for old in _packed_files(output, name):
        old.unlink()
    with _Parts(output / f"{name}.tar.gz", limit) as parts, tarfile.open(fileobj=parts, mode="w|gz") as archive:
        for file in [*run.files(), run.manifest]:
            archive.add(file, f"{name}/{file.relative_to(run.path).as_posix()}", recursive=False)
    return parts.files


def _packed_files(output: Path, name: str) -> Iterator[Path]:
    yield from output.glob(f"{name}.tar.gz")
    yield from output.glob(f"{name}.tar.gz.[0-9][0-9][0-9]")


def pack_runs(paths: list[Path], output: Path, megabytes: float = LIMIT_MB) -> dict[str, list[dict]]:
    """Pack runs and write packed.json: per run its files in order, with bytes and sha256."""
    listed = {}
    for path in paths:
        files = pack_run(path, output, round(megabytes * 10**6))
        listed[path.resolve().name] = [
            {"file": file.name, "bytes": file.stat().st_size, "sha256": file_sha256(file)} for file in files
        ]
    write_json(output / "packed.json", listed)
    return listed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=LIMIT_MB, help="largest size of a file, in 10**6 bytes")
    options = parser.parse_args()
    if not options.megabytes >= 0.001:
        parser.error("--megabytes must be at least 0.001")
    try:
        print(json.dumps(pack_runs(options.runs, options.output, options.megabytes), indent=2))
    except FerKerasError as error:
        parser.exit(1, f"Error: {error}\n")


if __name__ == "__main__":
    main()
