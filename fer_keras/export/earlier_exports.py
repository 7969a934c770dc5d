"""What stays in the ``exports`` folder: files of earlier commands, and of this one those that passed."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import RunFolderError
from ..runs.records import read_parity
from ..runs.run_folder import RunFolder
from .contract import CONTRACT_FILE, find_contract
from .formats import COMPANIONS, FORMATS, LABELS

PARITY = "parity.json"
# Before the name of a file that was kept although it failed.
FAILED = "failed_"
REPORT_VERSION = 2


def carry_over(
    run: RunFolder, folder: Path, names: tuple[str, ...], identity: dict, uncertain: dict | None
) -> dict[str, dict]:
    """Copy exports that are not rewritten into ``folder``, and return their parity entries.

    Args:
        run: the run, with or without exports.
        folder: the new exports.
        names: formats that are written anew.
        identity: ``format_version``, ``model_sha256`` and ``temperature`` of the new exports; those kept must have the
            same, so that all files of the folder are one model.
        uncertain: threshold and precision of the new exports, see :func:`.make_contract`; the same holds for them.

    Raises:
        RunFolderError: exports of another model, another temperature, or an earlier version of this package.
        ModelFileError: one that is kept was changed or damaged.
    """
    kept, previous = find_kept(run, names, identity, uncertain)
    for path in kept:
        shutil.copytree(path, folder / path.name) if path.is_dir() else shutil.copy2(path, folder / path.name)
    files = {path.name for path in kept}
    return {name: entry for name, entry in previous.get("exports", {}).items() if entry["file"] in files}


def find_kept(
    run: RunFolder, names: tuple[str, ...], identity: dict, uncertain: dict | None
) -> tuple[list[Path], dict]:
    """Return the exports that are not rewritten and the report on them, see :func:`carry_over`.

    Raises:
        RunFolderError: they do not go with the new ones.
        ModelFileError: one of them was changed or damaged.
    """
    replaced = {file for name in names for file in (FORMATS[name], *COMPANIONS.get(name, ()))}
    found = sorted(run.exports.iterdir()) if run.exports.is_dir() else []
    kept = [path for path in found if path.name not in replaced and not _is_dropped(path.name)]
    if not kept:
        return [], {}
    # Without a report the origin of the files is unknown, which is refused.
    previous = read_parity(run, check=False) or {"exports": {}}
    there = previous | {"uncertain": find_contract(run.exports / FORMATS["savedmodel"]).get("uncertain")}
    _check_identity(run, kept, there, identity | {"uncertain": uncertain})
    run.check(*kept, run.exports / PARITY, run.exports / CONTRACT_FILE)
    return kept, previous


def _is_dropped(name: str) -> bool:
    """Written anew in each export, hidden, or kept for a look only."""
    return name in (LABELS, PARITY, CONTRACT_FILE) or name.startswith((".", FAILED))


def _check_identity(run: RunFolder, kept: list[Path], previous: dict, identity: dict) -> None:
    reasons = {
        "model_sha256": "of another model",
        "format_version": "of an earlier version of fer_keras",
        "temperature": "with another temperature",
        "uncertain": "with another threshold of 'uncertain'",
    }
    for key, reason in reasons.items():
        if previous.get(key) != identity[key]:
            raise RunFolderError(
                f"{run.exports} keeps exports {reason}: {', '.join(path.name for path in kept)}",
                hint="Export those formats in the same command, or remove them",
            )


def read_report(run: RunFolder) -> dict:
    """Content of ``parity.json``.

    Raises:
        RunFolderError: there is none, or one that this project does not write.
        ModelFileError: it was changed or damaged.
    """
    report = read_parity(run)
    if report is None:
        raise RunFolderError(f"{run.exports / PARITY} is missing", hint=f"Export: fer-keras export {run.path}")
    return report


def keep_or_drop(name: str, path: Path, passed: bool, keep_failed: bool) -> dict:
    """Remove a file that failed, or give it a name that nobody takes for an export.

    Returns:
        What the parity entry says of it: ``kept``, and ``file`` where that is another name.
    """
    if passed:
        return {"kept": True}
    for file in (path, *(path.parent / companion for companion in COMPANIONS.get(name, ()))):
        if not file.exists():  # it could not be written
            continue
        if keep_failed:
            file.rename(file.with_name(FAILED + file.name))
        elif file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
    there = path.with_name(FAILED + path.name).exists()
    return {"kept": True, "file": FAILED + path.name} if there else {"kept": False}
