"""The run folder: where everything of one training lives. No TensorFlow."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic_files import new_folder, refusal, remove_folder, write_json
from ..errors import RunFolderError
from .lock import LOCK, PATIENCE, locked
from .manifest import CORE, JOURNAL, MANIFEST, SCRATCH, SWITCH, list_files, make_manifest, verify_folder
from .model_file import load_model_file
from .switch import DROPPED, WORK, drop, is_staging, recover, staged

if TYPE_CHECKING:
    import keras

# Seconds that a reader waits for a writer that is just putting its files in place.
_BRIEFLY = 5.0


class RunFolder:
    """Paths and integrity of one run, see the contract in README.md.

    Example:
        run = fer_keras.RunFolder("saved_models/mine")
        model = run.load_model()
        same = keras.models.load_model(run / "model.keras")
    """

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

    def __fspath__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def load_model(self) -> keras.Model:
        """Load the network of a finished run, not compiled: ``(B, S, S, 1)`` pixels 0..255 to ``(B, classes)`` logits.

        Raises:
            RunFolderError: no run folder, or not finished.
            ModelFileError: the model was changed, or is of layers that this version does not know.
        """
        return load_model_file(RunFolder.open(self.path).model)

    def evaluation(self, split: str, variant: str = "") -> Path:
        """Folder of one evaluation: ``evaluation/test`` or ``evaluation/test_flip_tta``."""
        return self.path / "evaluation" / (f"{split}_{variant}" if variant else split)

    @classmethod
    def create(cls, path: Path | str) -> RunFolder:
        """Make a new, empty run folder; :meth:`appear` makes one that is never seen empty.

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

    @contextlib.contextmanager
    def appear(self) -> Iterator[RunFolder]:
        """Yield a hidden folder that becomes this run when the block ends: a crash leaves the name free.

        Raises:
            RunFolderError: there is something of that name which is no empty folder, or the file system refuses.
        """
        try:
            with new_folder(self.path) as scratch:
                yield RunFolder(scratch)
        except BaseException:
            with contextlib.suppress(OSError):
                self.path.rmdir()  # an empty one that kept the name
            raise

    @contextlib.contextmanager
    def begin(self) -> Iterator[RunFolder]:
        """Like :meth:`appear`, but yield this folder itself where it holds something, as an earlier version left it."""
        if self.path.is_dir() and any(self.path.iterdir()):
            yield self
            return
        with self.appear() as draft:
            yield draft

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = True) -> RunFolder:
        """Open a finished run and check its recipe, record and model against the manifest.

        Its results are checked when they are read, see :meth:`check`: a damaged one does not keep the model away.

        Raises:
            RunFolderError: no run folder, or not finished.
            ModelFileError: one of these files was changed, truncated, removed or added, or is a link.
        """
        run = cls(path)
        if not run.recipe.is_file():
            raise RunFolderError(
                f"{run.path} is no run folder (no recipe.yaml in it)",
                hint="Give the folder that 'fer-keras train' printed, such as saved_models/NAME",
            )
        run.settle()
        if not run.model.is_file() or (run.scratch.exists() and not run.manifest.exists()):
            raise RunFolderError(
                f"run {run.path} has no finished model", hint=f"Finish it: fer-keras train --resume {run.path}"
            )
        if verify:
            verify_folder(run.path, CORE)
        return run

    @property
    def is_finished(self) -> bool:
        """Whether training has ended: its last files come with the manifest, and then the checkpoints go."""
        return self.model.is_file() and (self.manifest.is_file() or not self.scratch.exists())

    def lock(self, *, patience: float = PATIENCE) -> AbstractContextManager[None]:
        """Hold this run's lock within the block: one process or thread at a time writes into a run.

        Args:
            patience: seconds to wait for another holder.

        Raises:
            RunFolderError: another holds it, and is named; or the folder cannot be written.
        """
        return locked(self.path, patience=patience)

    @contextlib.contextmanager
    def publish(self, *folders: Path) -> Iterator[RunFolder]:
        """Yield an empty run folder whose files take their place in this one, with the manifest, when the block ends.

        Everything that is written into a run goes through here. No crash leaves a part: the run has the old files or
        the new ones. The lock is held within the block, so that what the block reads of the run is still so when its
        files come in; compute before it, write in it.

        Args:
            folders: of this run that are replaced as a whole, such as ``run.exports``; they are there, empty. Other
                files that the block writes replace those of their names.

        Raises:
            RunFolderError: another command holds the lock for long, or the file system refuses.
            ModelFileError: the manifest is damaged.
        """
        names = [folder.relative_to(self.path).as_posix() for folder in folders]
        with self.lock(), staged(self.path, names) as stage:
            yield RunFolder(stage)

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield an empty hidden folder on the run's disk, for what takes long to make and is published later.

        It is removed in the end; that of a killed process by the next :meth:`publish`.

        Raises:
            RunFolderError: the file system refuses.
        """
        with contextlib.ExitStack() as stack:
            try:
                with self.lock():  # nobody takes it for abandoned before it is locked
                    folder = Path(tempfile.mkdtemp(prefix=WORK, dir=self.path))
                    stack.callback(shutil.rmtree, folder, ignore_errors=True)
                    stack.enter_context(locked(folder, patience=0))
                (folder / "files").mkdir()
                yield folder / "files"
            except OSError as error:
                raise refusal(self.path, error) from error

    def settle(self) -> None:
        """Finish what a crash has left half in place, and clear up; where that cannot be done now it does no harm."""
        left = any((self.path / name).exists() for name in (SWITCH, LOCK, f"{DROPPED}{SCRATCH}"))
        if left and not is_staging(self.path):
            patience = _BRIEFLY if (self.path / JOURNAL).exists() else 0
            with contextlib.suppress(RunFolderError, OSError), self.lock(patience=patience):
                recover(self.path)

    def discard_unstarted(self) -> None:
        """Remove a folder in which nothing was trained yet, so that the command can be given again as it was."""
        if self.path.is_dir() and not (self.scratch.exists() or self.model.exists()):
            with contextlib.suppress(OSError):
                remove_folder(self.path)

    def drop_scratch(self) -> None:
        """Remove the checkpoints of a run that is finished."""
        with contextlib.suppress(OSError):
            drop(self.path, SCRATCH)

    def files(self) -> list[Path]:
        """Every file of the contract, sorted; links, scratch files and the manifest itself are left out."""
        return list_files(self.path)

    def write_manifest(self) -> None:
        """Record the sha256 of every file as it is now, for a run that is put together by hand."""
        with self.lock():
            self.settle()
            write_json(self.manifest, make_manifest(self.path))

    def check(self, *places: Path) -> None:
        """Check files and folders of the run before they are read; what is not there and not listed passes.

        A run that is put together by hand has no manifest until something is published into it, and nothing to hold its
        files against; it cannot be opened.

        Raises:
            ModelFileError: naming the first file that is missing, differs, is a link, or is not listed; or an unusable
                manifest.
        """
        if self.manifest.exists() or (self.path / JOURNAL).exists():
            verify_folder(self.path, [place.relative_to(self.path).as_posix() for place in places])

    def verify(self) -> None:
        """Check every file against the manifest, see :func:`fer_keras.runs.manifest.verify_folder`.

        Raises:
            ModelFileError: naming the first file that is missing, differs, is a link, or is not listed though it
                would be read; or an unusable manifest.
        """
        verify_folder(self.path)
