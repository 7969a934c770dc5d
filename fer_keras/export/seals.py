"""Every check of an exported file's bytes: one module that knows them all. No TensorFlow.

Each shows damage and mistakes, before a runtime parses the file; none is a signature, since whoever changes a file on
purpose can seal it anew. Why there are several:

- the manifest (:mod:`fer_keras.runs.manifest`) is of a whole run, and stays behind where one file is taken out of it;
- TFLite and ONNX files travel alone, so each carries its own sha256;
- a SavedModel is a folder that travels alone, so the sums of its files lie in it;
- the contract says which model a file was made of: sound bytes may be those of an earlier training. The sums in
  ``contract.json`` are for programs that take the files without this package, which does not read them.

All say "damaged" in the words of :func:`fer_keras.runs.manifest.damage`.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from ..atomic_files import write_text
from ..errors import ModelFileError
from ..runs.manifest import damage, file_sha256
from ..runs.run_folder import RunFolder

# Names among the metadata of a TFLite or ONNX file.
CONTRACT, SEAL = "fer_keras.contract", "fer_keras.sha256"
EXPORT_AGAIN = "Export the run again, or restore it from a copy"
# What stands before the 32 bytes of the sha256 in a TFLite file; not the entry's name, which the file holds too.
_MARK = b"\x00fer_keras sealed with sha256:\x00\x00"
_SIZE = 32
# A TFLite file is sealed in place: whoever adds the metadata entry leaves this room for it.
UNSEALED = _MARK + bytes(_SIZE)
_DIGITS = 64  # of a sha256 in hex
# Key and length of the value, https://protobuf.dev/programming-guides/encoding/
_ENTRY = b"\x0a" + bytes([len(SEAL)]) + SEAL.encode() + b"\x12" + bytes([_DIGITS])
_PREFIX = b"\x72" + bytes([len(_ENTRY) + _DIGITS]) + _ENTRY  # ModelProto.metadata_props is field 14 of onnx.proto3
CHECKSUMS = "assets.extra/sha256sums.txt"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)\n")


def seal_tflite(content: bytes) -> bytes:
    """Return a flatbuffer that holds ``UNSEALED`` once with its sha256 in that place."""
    at = content.index(_MARK) + len(_MARK)
    return content[:at] + hashlib.sha256(content).digest() + content[at + _SIZE :]


def is_sealed_tflite(content: bytes, where: Path | str) -> bool:
    """Whether a TFLite file carries its sha256.

    Why: LiteRT trusts the offsets in a flatbuffer, and one flipped bit can end the process. So the sha256 is looked for
    as plain bytes and checked before anything is parsed.

    Raises:
        ModelFileError: it carries one that is not its own.
    """
    if content.count(_MARK) != 1:
        return False
    at = content.index(_MARK) + len(_MARK)
    found = content[at : at + _SIZE]
    if hashlib.sha256(content[:at] + bytes(_SIZE) + content[at + _SIZE :]).digest() != found:
        raise damage(f"TFLite file {where}", "its content differs from its sha256", EXPORT_AGAIN)
    return True


def seal_onnx(content: bytes) -> bytes:
    """Return a serialized ``ModelProto`` with its sha256 appended as the metadata entry ``fer_keras.sha256``.

    Protobuf reads a field wherever it stands, so every ONNX tool takes a sealed file.
    """
    return content + _PREFIX + hashlib.sha256(content).hexdigest().encode()


def check_onnx(content: bytes, path: Path | str) -> None:
    """Refuse bytes that are not exactly what :func:`seal_onnx` returned.

    Why: ONNX Runtime refuses a broken structure, but runs changed weights without a word.

    Raises:
        ModelFileError: the sha256 is missing or does not fit.
    """
    body, ending = content[: -len(_PREFIX) - _DIGITS], content[-len(_PREFIX) - _DIGITS :]
    if not ending.startswith(_PREFIX):
        raise ModelFileError(
            f"{path} is truncated, or no ONNX file of this package (it does not end in a '{SEAL}' entry)",
            hint=f"{EXPORT_AGAIN}; files of other programs need trust=True",
        )
    if hashlib.sha256(body).hexdigest().encode() != ending[len(_PREFIX) :]:
        raise damage(f"ONNX file {path}", "its content differs from its sha256", EXPORT_AGAIN)


def write_checksums(folder: Path) -> None:
    """Write the sha256 of every file of a SavedModel into the folder itself.

    ``assets.extra`` is the folder that the format keeps for files of others; TensorFlow does not load them. The file is
    in the format of coreutils: ``sha256sum --check assets.extra/sha256sums.txt``, in that folder, does the same.
    """
    write_text(folder / CHECKSUMS, _as_text({name: file_sha256(folder / name) for name in _files(folder)}))


def check_savedmodel(folder: Path | str, *, trust: bool = False) -> None:
    """Compare every file of a SavedModel with its checksum.

    Why: TensorFlow refuses many damaged files, but not all: one with other bits in ``assets/labels.txt`` loads without
    a word.

    Args:
        folder: the SavedModel.
        trust: accept a folder without checksums, as other programs write it.

    Raises:
        ModelFileError: no such folder, a file that is missing, changed, not listed or a link; or no checksums and no
            trust.
    """
    folder = Path(folder)
    if not folder.is_dir():
        hint = "Give the folder that holds saved_model.pb"
        raise ModelFileError(f"cannot load SavedModel {folder}: there is no such folder", hint=hint)
    found = _files(folder)
    if not (folder / CHECKSUMS).is_file():
        if trust:
            return
        raise ModelFileError(
            f"cannot load SavedModel {folder}: it has no {CHECKSUMS}, so it is not checked to be what fer_keras wrote",
            hint="Export the run again; or, for a file of your own that you trust, give trust=True in Python",
        )
    expected = _read_checksums(folder)
    for name in sorted(expected.keys() ^ set(found)):
        raise _damage(folder, f"{name} is missing" if name in expected else f"{name} is not listed in {CHECKSUMS}")
    for name, sha256 in expected.items():
        if file_sha256(folder / name) != sha256:
            raise _damage(folder, f"{name} differs from its checksum")


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
                raise _damage(folder, f"{name} is a link and no file of its own")
        names += [(Path(place) / name).relative_to(folder).as_posix() for name in files if not name.startswith(".")]
    return sorted(name for name in names if name != CHECKSUMS)


def _read_checksums(folder: Path) -> dict[str, str]:
    try:
        text = (folder / CHECKSUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damage(folder, f"{CHECKSUMS} cannot be read") from error
    entries = {name: sha256 for sha256, name in _LINE.findall(text)}
    if not entries or text != _as_text(entries):
        raise _damage(folder, f"{CHECKSUMS} is damaged")
    return entries


def _as_text(entries: dict[str, str]) -> str:
    return "".join(f"{sha256}  {name}\n" for name, sha256 in entries.items())


def _damage(folder: Path, reason: str) -> ModelFileError:
    return damage(f"cannot load SavedModel {folder}: it", reason, EXPORT_AGAIN)


def check_origin(path: Path, model_sha256: str) -> None:
    """Check that an export that lies in a run is of the model that the run has now.

    Why: a run that was trained again keeps its earlier exports, each of them whole.

    Args:
        path: the exported file or folder.
        model_sha256: of the ``model.keras`` it was made of, from its contract; empty where unknown.

    Raises:
        ModelFileError: it is of another model.
    """
    run = RunFolder(path.parent.parent)
    if not (model_sha256 and run.recipe.is_file() and run.model.is_file()):
        return
    if file_sha256(run.model) != model_sha256:
        raise ModelFileError(
            f"{path} was exported from another model than {run.model}",
            hint=f"Export again: fer-keras export {run.path}",
        )
