"""Checksums inside a SavedModel folder: what was damaged on the way is refused before TensorFlow parses it.

TensorFlow refuses many damaged files, but not all: one with other bits in ``assets/labels.txt`` loads without a word.
``assets.extra`` is the folder that the format keeps for files of others; TensorFlow does not load them. The file is in
the format of coreutils: ``sha256sum --check assets.extra/sha256sums.txt``, in that folder, does the same. It
shows damage; who can change the files can change the sums as well.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...atomic_files import write_text
from ...errors import ModelFileError
from ...runs.manifest import file_sha256

CHECKSUMS = "assets.extra/sha256sums.txt"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)\n")
_DAMAGED = "Export the run again, or restore it from a copy"


def write_checksums(folder: Path) -> None:
    """Write the sha256 of every file of a SavedModel into the folder itself."""
    write_text(folder / CHECKSUMS, _as_text({name: file_sha256(folder / name) for name in _files(folder)}))


def check_files(folder: Path | str, *, trust: bool = False) -> None:
    """Compare every file of a SavedModel with its checksum.

    Args:
        folder: the SavedModel.
        trust: accept a folder without checksums, as other programs write it.

    Raises:
        ModelFileError: no such folder, a file that is missing, changed, not listed or a link; or no checksums and no
            trust.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise _refusal(folder, "there is no such folder", "Give the folder that holds saved_model.pb")
    found = _files(folder)
    if not (folder / CHECKSUMS).is_file():
        if trust:
            return
        raise _refusal(
            folder,
            f"it has no {CHECKSUMS}, so it is not checked to be what fer_keras wrote",
            "Export the run again; or, for a file of your own that you trust, give trust=True in Python",
        )
    expected = _read(folder)
    for name in sorted(expected.keys() ^ set(found)):
        reason = f"{name} is missing" if name in expected else f"{name} is not listed in {CHECKSUMS}"
        raise _refusal(folder, reason)
    for name, sha256 in expected.items():
        if file_sha256(folder / name) != sha256:
            raise _refusal(folder, f"{name} differs from its checksum")


def _files(folder: Path) -> list[str]:
    """Names below the folder, sorted; hidden files, which desktops leave behind, and the sums themselves do not count.

    Raises:
        ModelFileError: a link.
    """
    names = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders + files:
            if (Path(place) / name).is_symlink():
                raise _refusal(folder, f"{name} is a link and no file of its own")
        names += [(Path(place) / name).relative_to(folder).as_posix() for name in files if not name.startswith(".")]
    return sorted(name for name in names if name != CHECKSUMS)


def _read(folder: Path) -> dict[str, str]:
    try:
        text = (folder / CHECKSUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(folder, f"{CHECKSUMS} cannot be read") from error
    entries = {name: sha256 for sha256, name in _LINE.findall(text)}
    if not entries or text != _as_text(entries):
        raise _refusal(folder, f"{CHECKSUMS} is damaged")
    return entries


def _as_text(entries: dict[str, str]) -> str:
    return "".join(f"{sha256}  {name}\n" for name, sha256 in entries.items())


def _refusal(folder: Path, reason: str, hint: str = _DAMAGED) -> ModelFileError:
    return ModelFileError(f"cannot load SavedModel {folder}: {reason}", hint=hint)
