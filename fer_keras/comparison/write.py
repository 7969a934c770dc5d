"""Write the comparison: one folder with the page, Markdown and JSON, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ..atomic_files import atomic_folder, check_output_folder, write_json, write_text

HTML, MARKDOWN, JSON = "comparison.html", "comparison.md", "comparison.json"


def check_target(folder: Path, *, force: bool) -> None:
    """Refuse a folder with something in it, see :func:`fer_keras.atomic_files.check_output_folder`."""
    check_output_folder(folder, (HTML, MARKDOWN, JSON), force=force, kind="a comparison")


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
