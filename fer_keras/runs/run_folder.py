"""The run folder: where everything of one training lives. No TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..atomic_files import write_json
from ..errors import RunFolderError
from .manifest import MANIFEST, SCRATCH, list_files, make_manifest, verify_folder


class RunFolder:
    """Paths and integrity of one run, see the contract in README.md."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.recipe = self.path / "recipe.yaml"
        self.run_json = self.path / "run.json"
        self.history = self.path / "history.csv"
        self.model = self.path / "model.keras"
        self.training_faces = self.path / "training_faces.npy"
        self.calibration = self.path / "calibration.json"
        self.curves = self.path / "curves.png"
        self.exports = self.path / "exports"
        self.manifest = self.path / MANIFEST
        self.scratch = self.path / SCRATCH

    def evaluation(self, split: str, variant: str = "") -> Path:
        """Folder of one evaluation: ``evaluation/test`` or ``evaluation/test_flip_tta``."""
        return self.path / "evaluation" / (f"{split}_{variant}" if variant else split)

    @classmethod
    def create(cls, path: Path | str) -> RunFolder:
        """Make a new run folder.

        Raises:
            RunFolderError: it exists already, or cannot be made.
        """
        run = cls(path)
        try:
            run.path.mkdir(parents=True)
        except FileExistsError as error:
            raise RunFolderError(
                f"run folder {run.path} exists already", hint="Use --resume to go on with it, or --name for another"
            ) from error
        except OSError as error:
            raise RunFolderError(
                f"cannot make run folder {run.path}: {error.strerror}", hint="Choose a writable place with --output"
            ) from error
        return run

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = True) -> RunFolder:
        """Open a finished run and check every file against the manifest.

        Raises:
            RunFolderError: no run folder, or not finished.
            ModelFileError: a file was changed, truncated, removed or added, or is a link.
        """
        run = cls(path)
        if not run.recipe.is_file():
            raise RunFolderError(
                f"{run.path} is no run folder (no recipe.yaml in it)",
                hint="Give the folder that 'fer-keras train' printed, such as saved_models/NAME",
            )
        if not run.model.is_file():
            raise RunFolderError(
                f"run {run.path} has no finished model", hint=f"Finish it: fer-keras train --resume {run.path}"
            )
        if verify:
            run.verify()
        return run

    def discard_unstarted(self) -> None:
        """Remove a folder in which nothing was trained yet, so that the command can be given again as it was."""
        if not (self.scratch.exists() or self.model.exists()):
            shutil.rmtree(self.path, ignore_errors=True)

    def files(self) -> list[Path]:
        """Every file of the contract, sorted; links, scratch files and the manifest itself are left out."""
        return list_files(self.path)

    def write_manifest(self) -> None:
        """Record the sha256 of every file; called last after each command that writes."""
        write_json(self.manifest, make_manifest(self.path))

    def verify(self) -> None:
        """Check every file against the manifest, see :func:`fer_keras.runs.manifest.verify_folder`.

        Raises:
            ModelFileError: naming the first file that is missing, differs, is a link, or is not listed though it
                would be read; or an unusable manifest.
        """
        verify_folder(self.path)
