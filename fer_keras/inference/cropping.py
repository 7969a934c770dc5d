"""Faces cut out of photographs and kept as pictures, exactly as they are cut out before they are classified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..atomic_files import new_folder
from ..datasets.face_images import encode_png
from ..errors import DataError, InputError
from .boxes import DEFAULT_MARGIN, crop_face, fit_whole
from .detection.protocol import Detector
from .pictures import PictureFile, find_pictures, read_first_frame

# Pictures on a contact sheet: more are hardly looked at.
SHEET = 240


@dataclass
class CropReport:
    """What became of the pictures.

    Attributes:
        cut: (file, number of its faces that were cut out, number found).
        without_face: files in which no face was found; nothing was written of them.
        broken: (file, reason).
        left_out: (file, why it was not read).
        faces: (S, S) uint8 of the first faces, for a contact sheet, and their captions.
        missed: the same of pictures without a face, each as a whole.
    """

    cut: list[tuple[Path, int, int]] = field(default_factory=list)
    without_face: list[Path] = field(default_factory=list)
    broken: list[tuple[Path, str]] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    faces: list[tuple[np.ndarray, str]] = field(default_factory=list)
    missed: list[tuple[np.ndarray, str]] = field(default_factory=list)

    @property
    def written(self) -> int:
        """Number of faces that were cut out."""
        return sum(kept for _, kept, _ in self.cut)


def crop_pictures(
    inputs: Iterable[Path | str],
    target: Path,
    detector: Detector,
    *,
    size: int = 48,
    margin: float = DEFAULT_MARGIN,
    all_faces: bool = False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> CropReport:
    """Write the faces of pictures as PNG files below a new folder, under the names that the pictures have below theirs.

    Args:
        inputs: folders, files and patterns.
        target: folder that is not there yet, or empty; it appears when everything is in it.
        detector: finds the faces.
        size: side of the faces in pixels.
        margin: see :meth:`.boxes.Box.squared`.
        all_faces: of each picture, the further ones as ``NAME-2.png`` and so on; otherwise the largest, since the label
            of a folder is about one.
        tell: told how many of how many pictures are done.

    Raises:
        InputError: no picture, or ``target`` lies in one of the inputs.
        RunFolderError: something is at ``target``, or the file system refuses.
    """
    report = CropReport()
    files = find_pictures(inputs, left_out=report.left_out)
    _refuse_target_within(files, target)
    with new_folder(target) as folder:
        used: set[Path] = set()
        for done, file in enumerate(files):
            tell(done, len(files))
            _crop_one(file, folder, used, detector, size, margin, all_faces, report)
    tell(len(files), len(files))
    return report


def _refuse_target_within(files: list[PictureFile], target: Path) -> None:
    place = target.resolve()
    if any(place in file.path.resolve().parents for file in files):
        raise InputError(f"the pictures lie in {target}, where the faces are to go", hint="Give another folder")


def _crop_one(file, folder, used, detector, size, margin, all_faces, report: CropReport) -> None:
    try:
        pixels, _ = read_first_frame(file.path)
        boxes = detector.detect(pixels)
        faces = [crop_face(pixels, box, margin, size) for box in (boxes if all_faces else boxes[:1])]
    except (DataError, InputError) as error:
        report.broken.append((file.path, str(error)))
        return
    if not faces:
        report.without_face.append(file.path)
        if len(report.missed) < SHEET:
            report.missed.append((fit_whole(pixels, 2 * size), str(file.name)))
        return
    report.cut.append((file.path, len(faces), len(boxes)))
    for number, face in enumerate(faces, start=1):
        name = _free(file.name, number, used)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(face))
        if len(report.faces) < SHEET:
            report.faces.append((face, str(name)))


def _free(name: Path, number: int, used: set[Path]) -> Path:
    """A name that no other picture has taken: ``a.jpg`` and ``a.png`` may lie side by side."""
    ending = "" if number == 1 else f"-{number}"
    wanted = name.with_name(f"{name.stem}{ending}.png")
    if wanted in used:
        wanted = name.with_name(f"{name.name.replace('.', '_')}{ending}.png")
    used.add(wanted)
    return wanted
