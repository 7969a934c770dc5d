"""Write the comparison: one folder with the page, Markdown and JSON, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ..errors import RunFolderError
from ..run_folder import atomic_folder, write_json, write_text

HTML, MARKDOWN, JSON = "comparison.html", "comparison.md", "comparison.json"


def check_target(folder: Path, *, force: bool) -> None:
    """Refuse a folder that is there, before any work is done.

    With ``force`` a folder is replaced, if there is nothing in it but an earlier comparison.

    Raises:
        RunFolderError: it exists.
    """
    if not folder.exists():
        return
    if not force:
        raise RunFolderError(f"{folder} exists already", hint="Use --force to replace it, or --out for another folder")
    if not folder.is_dir():
        raise RunFolderError(f"{folder} is a file", hint="Use --out for another folder")
    strange = sorted(path.name for path in folder.iterdir() if path.name not in (HTML, MARKDOWN, JSON))
    if strange:
        raise RunFolderError(
            f"{folder} holds more than a comparison, so --force does not replace it",
            received=", ".join(strange[:3]),
            hint="Use --out for another folder",
        )


def write_comparison(folder: Path, html: str, markdown: str, document: dict) -> dict[str, Path]:
    """Write the three files and return their paths by kind.

    Raises:
        RunFolderError: the file system refuses.
    """
    with atomic_folder(folder) as scratch:
        write_text(scratch / HTML, html)
        write_text(scratch / MARKDOWN, markdown)
        write_json(scratch / JSON, document)
    return {"html": folder / HTML, "markdown": folder / MARKDOWN, "json": folder / JSON}
