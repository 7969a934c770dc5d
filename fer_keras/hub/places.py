"""Runs on Hugging Face's hub, ``hf://USER/NAME``: put there with their card, fetched from there. Extra ``hub``.

``HF_ENDPOINT``, ``HF_HOME`` and the token are those of ``huggingface_hub``, read where it is imported: by the call.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

from ..errors import FerKerasError, InputError
from ..runs.run_folder import RunFolder

SCHEME = "hf://"
# What leaves this machine. No picture of a face: worst_mistakes.png and what stands in predictions.csv stay here.
PUSHED = (
    *("recipe.yaml", "run.json", "history.csv", "curves.png", "model.keras", "calibration.json", "exports/**/*"),
    *("evaluation/*/metrics.json", "evaluation/*/confusion_matrix.*", "evaluation/*/classification_report.txt"),
)


def read_place(text: str) -> str:
    """Read ``hf://USER/NAME`` as ``USER/NAME``.

    Raises:
        InputError: another place.
    """
    found = re.fullmatch(r"hf://([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)", text)
    if not found:
        raise InputError("not a place on the hub", allowed="hf://USER/NAME", received=text)
    return found[1]


def push_run(run: RunFolder, target: str, *, license_name: str = "other", private: bool = False) -> str:
    """Put a run and its card on the hub, as one commit; returns the address of the page.

    Args:
        run: finished, opened and verified by the caller.
        target: ``hf://USER/NAME``; made where there is none.
        license_name: of the weights, as the hub spells it.
        private: of a place that is made.

    Raises:
        InputError: not a place on the hub.
        FerKerasError: the extra is missing, or the hub refuses.
    """
    place, hub = read_place(target), _import_hub()
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        for file in sorted({found for pattern in PUSHED for found in run.path.glob(pattern) if found.is_file()}):
            copy = stage / file.relative_to(run.path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        from .card import write_card  # scores and recipes: nothing that a prediction needs

        write_card(run, stage / "README.md", license_name=license_name)
        RunFolder(stage).write_manifest()
        try:
            api = hub.HfApi()
            api.create_repo(place, private=private, exist_ok=True)
            done = api.upload_folder(repo_id=place, folder_path=stage, commit_message=f"fer-keras push {run.path.name}")
        except Exception as error:  # a dozen types of two HTTP libraries
            raise _refused(target, error) from error
    return str(done.commit_url)


def fetch_run(source: str) -> Path:
    """Fetch a run from the hub into the cache of ``huggingface_hub``; returns its folder.

    Raises:
        InputError: not a place on the hub.
        FerKerasError: the extra is missing, or nothing could be fetched.
    """
    place, hub = read_place(source), _import_hub()
    try:
        return Path(hub.snapshot_download(place))
    except Exception as error:
        raise _refused(source, error) from error


def _import_hub() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise FerKerasError("hf:// needs huggingface_hub", hint='pip install "fer_keras[hub]"') from error
    return huggingface_hub


def _refused(place: str, error: Exception) -> FerKerasError:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return FerKerasError(f"{place}: {reason}", hint="Look at the name, the network and 'hf auth login'")
