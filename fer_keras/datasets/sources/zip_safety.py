"""Zip files that cannot do harm: checked as a whole before any member is read, and never extracted. No TensorFlow.

The limits follow the attacks: path traversal, symbolic links, overlapping members (Fifield, "A better zip bomb",
WOOT 2019), high compression ratios and directories with millions of entries.
"""

from __future__ import annotations

import contextlib
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...errors import DataError

MAX_MEMBERS = 200_000
MAX_TOTAL_BYTES = 2 * 2**30
MAX_RATIO = 100

# What zipfile raises while it reads a damaged member.
MEMBER_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, struct.error)

# 200,000 entries of 46 bytes, a name and the usual extra fields fit.
_MAX_DIRECTORY_BYTES = 32 * 2**20
_END_RECORD = struct.Struct("<4s4H2LH")
_END_RECORD_ZIP64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_ZIP64_BYTES = 20
_LOCAL_HEADER_BYTES = 30
_UTF8_FLAG = 0x800


@contextlib.contextmanager
def open_checked_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip after checking its directory and every member.

    Raises:
        DataError: truncated, encrypted, over a limit, or with names or offsets that no honest zip has.
    """
    _check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except MEMBER_ERRORS as error:
        raise DataError(f"{path} is a damaged zip file ({error})", hint="Download it again") from error
    with archive:
        _read_foreign_names(archive)
        _check_members(archive, path)
        yield archive


def _read_foreign_names(archive: zipfile.ZipFile) -> None:
    """Read names as their writers meant them: ``\\`` of Windows programs, and UTF-8 that is not marked as such."""
    archive.NameToInfo.clear()
    for member in archive.infolist():
        name = member.filename
        if not (member.flag_bits & _UTF8_FLAG or name.isascii()):
            with contextlib.suppress(UnicodeError):
                name = name.encode("cp437").decode("utf-8")
        member.filename = name.replace("\\", "/")
        archive.NameToInfo[member.filename] = member


def _check_directory(path: Path) -> None:
    """Bound the directory before ``zipfile`` turns it into objects, about 500 bytes each."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as handle:
            handle.seek(max(0, size - 66_000))  # the end record and its longest comment
            directory_bytes, end = _find_directory(handle.read(), size, path)
            too_big = directory_bytes > _MAX_DIRECTORY_BYTES
            handle.seek(end - min(directory_bytes, end))
            members = 0 if too_big else handle.read(directory_bytes).count(b"PK\1\2")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if too_big or members > MAX_MEMBERS:
        raise DataError(f"{path} holds too many members", allowed=f"at most {MAX_MEMBERS}")


def _find_directory(tail: bytes, size: int, path: Path) -> tuple[int, int]:
    """Return the length of the central directory and the offset where it ends."""
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END_RECORD.size:
        raise DataError(f"{path} is not a complete zip file: its end is missing", hint="Download or copy it again")
    directory_bytes = _END_RECORD.unpack_from(tail, at)[5]
    end = size - len(tail) + at
    at_zip64 = at - _LOCATOR_ZIP64_BYTES - _END_RECORD_ZIP64.size
    if at_zip64 >= 0 and tail[at_zip64 : at_zip64 + 4] == b"PK\6\6":
        directory_bytes = _END_RECORD_ZIP64.unpack_from(tail, at_zip64)[8]
        end = size - len(tail) + at_zip64
    return directory_bytes, end


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{path} holds too many members", allowed=f"at most {MAX_MEMBERS}", received=len(members))
    if sum(member.file_size for member in members) > MAX_TOTAL_BYTES:
        raise DataError(f"{path} would unpack to too much", allowed=f"at most {MAX_TOTAL_BYTES // 2**30} GiB")
    for member in members:
        _check_member(member, path)
    _check_duplicates(members, path)
    _check_overlaps(members, archive.start_dir, path)


def _check_member(member: zipfile.ZipInfo, path: Path) -> None:
    problem = _name_problem(member.filename)
    if member.flag_bits & 0x1:
        problem = "is encrypted"
    elif stat.S_ISLNK(member.external_attr >> 16):
        problem = "is a symbolic link"
    elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        problem = "uses a compression other than deflate"
    elif member.file_size > MAX_RATIO * member.compress_size:
        problem = f"is compressed more than {MAX_RATIO} times"
    if problem:
        raise DataError(f"{path}: member {member.filename[:200]!r} {problem}")


def _name_problem(name: str) -> str:
    parts = PurePosixPath(name).parts
    if name.startswith("/") or (parts and ":" in parts[0]):
        return "has an absolute or a Windows path"
    return "climbs out of the archive" if ".." in parts else ""


def _check_duplicates(members: list[zipfile.ZipInfo], path: Path) -> None:
    seen: set[str] = set()
    for member in members:
        key = unicodedata.normalize("NFC", member.filename).casefold()  # one file on a case-insensitive disk
        if key in seen:
            raise DataError(f"{path}: member {member.filename[:200]!r} is listed twice")
        seen.add(key)


def _check_overlaps(members: list[zipfile.ZipInfo], start_of_directory: int, path: Path) -> None:
    """Each member must end before the next begins; ``zipfile`` checks this only from Python 3.11.8 on."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    starts = [member.header_offset for member in ordered] + [start_of_directory]
    for member, next_start in zip(ordered, starts[1:], strict=True):
        shortest = _LOCAL_HEADER_BYTES + len(member.orig_filename) + member.compress_size
        if member.header_offset + shortest > next_start:
            raise DataError(f"{path}: member {member.filename[:200]!r} overlaps another one")
