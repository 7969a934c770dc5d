"""``fer-keras doctor``."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from pathlib import Path

import click

from ..options import echo_json, import_tensorflow, json_option


@click.command("doctor")
@json_option
@click.pass_context
def command(ctx, as_json):
    """Say what this installation is made of and what it finds: versions, devices, extras, data, free disk.

    What belongs into a report of a fault. The exit code is 1 where a required package is missing or too old.
    """
    report = _report(ctx)
    if as_json:
        echo_json(report)
    else:
        _print(report)
    if report["problems"]:
        sys.exit(1)


def _report(ctx) -> dict:
    from fer_keras.datasets.loading import default_cache_dir
    from fer_keras.datasets.sources.find import find_fer2013
    from fer_keras.runs.named_runs import PACKAGED_RUNS, RUNS, packaged_run
    from fer_keras.runs.run_record import hardware, versions

    required, extras = _requirements()
    problems = [f"{name} is not installed" for name, found in required.items() if found is None]
    devices: dict = {}
    if not problems:
        import_tensorflow(ctx)
        import keras

        from fer_keras.devices import accelerators

        devices = {"backend": keras.backend.backend(), **hardware(accelerators())}
    source, cache = find_fer2013(), default_cache_dir()
    return {
        "versions": versions(),
        "devices": devices,
        "extras": {name: all(found.values()) for name, found in extras.items()},
        "missing": {
            name: [package for package, version in found.items() if version is None]
            for name, found in extras.items()
            if not all(found.values())
        },
        "fer2013": None if source is None else str(source.path),
        "cache": {"folder": str(cache), "bytes": _size(cache)},
        "models": [name for name in PACKAGED_RUNS if (packaged_run(name) / "model.keras").is_file()],
        "runs": {"folder": str(RUNS.resolve()), "count": len(list(RUNS.glob("*/recipe.yaml")))},
        "free_disk": {"here": shutil.disk_usage(Path.cwd()).free, "cache": shutil.disk_usage(_existing(cache)).free},
        "problems": problems,
    }


def _requirements() -> tuple[dict[str, str | None], dict[str, dict[str, str | None]]]:
    """Versions of the required packages, and of those of each extra; None where one is missing."""
    required: dict[str, str | None] = {}
    extras: dict[str, dict[str, str | None]] = {}
    for line in importlib.metadata.requires("fer_keras") or ():
        name = re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if extra and extra[1] == "dev":
            continue
        if not extra and ";" in line and not _applies(line.partition(";")[2]):
            continue
        (extras.setdefault(extra[1], {}) if extra else required)[name] = _version(name)
    return required, extras


def _applies(marker: str) -> bool:
    """Whether a requirement of some systems only is one of this system."""
    try:
        from packaging.markers import Marker
    except ImportError:
        return False
    return Marker(marker).evaluate()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.resolve().parents) if folder.exists())


def _size(folder: Path) -> int:
    return sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)


def _extra(name: str, missing: list[str] | None) -> str:
    return f'pip install "fer_keras\\[{name}]"  ({", ".join(missing)})' if missing else "installed"


def _print(report: dict) -> None:
    from ..progress import print_table

    devices, disk, missing = report["devices"], report["free_disk"], report["missing"]
    machine = f"{devices['cpu']}, {devices['cores']} cores, {devices['memory_gib']} GiB" if devices else "not looked at"
    rows = [
        ("versions", ", ".join(f"{name} {version}" for name, version in report["versions"].items())),
        ("machine", machine),
        ("accelerators", ", ".join(devices.get("gpus", ())) or "none: training and prediction run on the CPU"),
        ("backend", devices.get("backend", "")),
        *((f"extra {name}", _extra(name, missing.get(name))) for name in report["extras"]),
        ("FER2013", report["fer2013"] or "not found: give --data PATH, or set FER2013_PATH"),
        ("cache", f"{report['cache']['folder']}, {report['cache']['bytes'] / 1e6:,.0f} MB"),
        ("models", ", ".join(report["models"])),
        ("runs", f"{report['runs']['count']} in {report['runs']['folder']}"),
        ("free disk", f"{disk['here'] / 1e9:,.1f} GB here, {disk['cache'] / 1e9:,.1f} GB for the cache"),
        *(("PROBLEM", text) for text in report["problems"]),
    ]
    print_table("fer-keras doctor", rows)
