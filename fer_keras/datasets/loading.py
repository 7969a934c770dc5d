"""``load_faces``: from what the user said to faces."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..emotions import FACE_SIZE, FER7
from ..errors import DataError, InputError
from .face_images import Fit
from .faces import FaceDataset, Split, fingerprint
from .quality.record import with_verdict
from .registration import VERSIONS
from .sources.find import find_fer2013
from .sources.recognise import Source, recognise
from .sources.rows import OnBad, skipped_notice
from .sources.tree import TreeSource

if TYPE_CHECKING:
    from .face_folder import FaceFolder
    from .fer2013 import Fer2013
    from .synthetic.builder import SyntheticFaces

SYNTHETIC = "synthetic"
SYNTHETIC_NOTICE = "synthetic faces: results say nothing about real faces"
UNCHECKED_NOTICE = (
    "data.check is off: nobody checked these faces, and copies were not looked for, neither within nor between splits"
)
NOT_FOUND_NOTICE = (
    "FER2013 was not found, so synthetic faces are used: give --data PATH or set FER2013_PATH for real results"
)


def load_faces(
    data: str | os.PathLike | None = None,
    *,
    cache_dir: Path | str | None = None,
    limit: int | None = None,
    on_bad: OnBad = "refuse",
    image_size: int = FACE_SIZE,
    split_fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    split_seed: int = 0,
    verify: bool = False,
    check: bool = True,
    group_by: str | None = None,
    classes: Sequence[str] | None = None,
    fit: Fit = "stretch",
) -> FaceDataset:
    """Load a data set with its three splits.

    The first call prepares a copy in the cache; later calls start from it for as long as the source keeps its
    path, size and time.

    Args:
        data: path of a FER2013 csv, zip or folder; of a tree of class folders or its zip; ``synthetic``; or None for
            FER2013_PATH, the usual places and, if nothing is there, the synthetic faces with a notice.
        cache_dir: where prepared copies live; default FER_KERAS_CACHE or ``~/.cache/fer_keras``.
        limit: keep the first ``limit`` faces of each split.
        on_bad: what happens to a row or file that is wrong: ``refuse`` ends with its place and the reason; ``skip``
            leaves it out, and a notice counts what was left out and why.
        image_size: side in pixels that the images of a tree are resized to; FER2013 and synthetic faces have 48.
        split_fractions: of train, validation and test, for the splits that a tree has no folder for.
        split_seed: decides how such splits are cut, and the order of a tree's faces.
        verify: compare the whole prepared copy with its checksums, also a large one, see :mod:`.arrays`.
        check: hold the faces against what they claim to be and look for copies among them, once for a prepared copy;
            if not, a notice says so, there is no verdict, and no score is given without copies of training faces.
        group_by: regular expression that finds person or sequence in the path of a tree's picture; the faces of one
            stay in one split where splits are cut. By default names as public data sets have them are understood.
        classes: names of a tree's class folders, needed where they look like something else (``aligned``, ``set_a``).
            They choose nothing: :func:`.label_sets.select_classes` does.
        fit: what becomes of a tree's pictures that are not square: ``stretch`` changes their proportions, ``crop``
            takes the middle, ``pad`` repeats the edge.

    Returns:
        Images (n, image_size, image_size, 1) uint8, mapped from the prepared copy and read-only, and labels (n,) int64
        per split, in source order; those of a tree in an order that mixes the classes.

    Raises:
        DataError: the data are missing or wrong, have another size, or the cache cannot be written.
        InputError: ``limit`` is below 1.

    Example:
        import fer_keras

        dataset = fer_keras.load_faces("synthetic", limit=70)
        dataset.splits["train"].images.shape  # (70, 48, 48, 1)
        for images, labels in dataset.as_dataset("validation", batch_size=32):
            break
    """
    if limit is not None and limit < 1:
        raise InputError("limit must be at least 1", received=limit)
    cache = Path(cache_dir or default_cache_dir())
    if data is not None and str(data) == SYNTHETIC:
        _require_face_size(SYNTHETIC, image_size)
        return _load_synthetic(cache, limit, (), verify, check)
    source = find_fer2013() if data is None else recognise(Path(data))
    if isinstance(source, TreeSource):
        options: dict[str, object] = {"image_size": image_size, "split_fractions": split_fractions}
        options["split_seed"] = split_seed
        if group_by is not None:
            options["group_by"] = group_by
        if fit != "stretch":
            options["fit"] = fit
        source = source.with_names(classes or ())
        return _load_tree(source, cache, limit, on_bad, options, verify, check)
    _require_face_size("fer2013" if source else SYNTHETIC, image_size)
    if source is None:
        return _load_synthetic(cache, limit, (NOT_FOUND_NOTICE,), verify, check)
    return _load_fer2013(source, cache, limit, on_bad, verify, check)


def _require_face_size(name: str, image_size: int) -> None:
    if image_size != FACE_SIZE:
        raise DataError(
            f"the {name} faces are {FACE_SIZE}x{FACE_SIZE}",
            allowed=f"data.image_size {FACE_SIZE}",
            received=image_size,
            hint="Larger faces come from a folder of class folders (--data PATH)",
        )


def default_cache_dir() -> Path:
    """Return FER_KERAS_CACHE, or ``~/.cache/fer_keras``."""
    return Path(os.environ.get("FER_KERAS_CACHE") or "~/.cache/fer_keras").expanduser()


def _load_fer2013(
    source: Source, cache: Path, limit: int | None, on_bad: OnBad, verify: bool, check: bool
) -> FaceDataset:
    from .prepared import load_prepared

    def make_builder(data_dir: Path) -> Fer2013:
        from .fer2013 import Fer2013

        return Fer2013(source=source, on_bad=on_bad, data_dir=data_dir)

    suffix = "-skipped" if on_bad == "skip" else ""
    folder = Path(cache) / f"fer2013-{VERSIONS['fer2013']}-{source.signature[:16]}{suffix}"
    faces = load_prepared(folder, make_builder, verify=verify)
    kept = sum(len(split) for split in faces[0].values())
    notice = skipped_notice(make_builder(folder).info.metadata["skipped"], kept) if on_bad == "skip" else ""
    return _finish("fer2013", faces, str(source.path), limit, (notice,) if notice else (), folder, check)


def _load_tree(
    source: TreeSource, cache: Path, limit: int | None, on_bad: OnBad, options: dict, verify: bool, check: bool
) -> FaceDataset:
    from .prepared import load_prepared

    def make_builder(data_dir: Path) -> FaceFolder:
        from .face_folder import FaceFolder

        return FaceFolder(source=source, on_bad=on_bad, data_dir=data_dir, **options)

    key = hashlib.sha256(repr((source.signature, on_bad, *sorted(options.items()))).encode()).hexdigest()[:16]
    folder = Path(cache) / f"face_folder-{VERSIONS['face_folder']}-{key}-{options['image_size']}"
    faces = load_prepared(folder, make_builder, verify=verify)
    info = make_builder(folder).info
    skipped = skipped_notice(info.metadata["skipped"], sum(len(split) for split in faces[0].values()))
    notices = (skipped, *info.metadata["notices"]) if skipped else tuple(info.metadata["notices"])
    classes = tuple(info.features["label"].names)
    return _finish(_name_of(source.path), faces, str(source.path), limit, notices, folder, check, classes)


def _name_of(path: Path) -> str:
    """Name of a tree's data set: that of its folder or zip, without what file systems and shells stumble over."""
    path = path.resolve()
    words = re.sub(r"[^\w.+-]+", "_", path.name if path.is_dir() else path.stem).strip("._-")
    return f"{words or 'faces'}_folder" if words in ("", *VERSIONS) else words


def _load_synthetic(cache: Path, limit: int | None, notices: tuple[str, ...], verify: bool, check: bool) -> FaceDataset:
    from .prepared import load_prepared

    folder = Path(cache) / f"synthetic-{VERSIONS[SYNTHETIC]}"

    def make_builder(data_dir: Path) -> SyntheticFaces:
        from .synthetic.builder import SyntheticFaces

        return SyntheticFaces(data_dir=data_dir)

    faces = load_prepared(folder, make_builder, verify=verify)
    return _finish(SYNTHETIC, faces, SYNTHETIC, limit, (*notices, SYNTHETIC_NOTICE), folder, check)


def _finish(
    name: str,
    faces: tuple[dict[str, Split], str],
    source: str,
    limit: int | None,
    notices: tuple[str, ...],
    folder: Path,
    check: bool,
    classes: tuple[str, ...] = FER7,
) -> FaceDataset:
    dataset = FaceDataset(name, classes, faces[0], source, faces[1], notices, folder=folder, checked=check)
    dataset = with_verdict(dataset, folder) if check else replace(dataset, notices=(*notices, UNCHECKED_NOTICE))
    if limit is None:
        return dataset
    splits = {key: Split(s.images[:limit], s.labels[:limit], s.ids[:limit]) for key, s in dataset.splits.items()}
    verdict = f"the first {limit:,} faces of each split of: {dataset.verdict}" if check else ""
    return replace(dataset, splits=splits, sha256=fingerprint(splits, classes), verdict=verdict, origin=dataset)
