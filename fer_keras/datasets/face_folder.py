"""Any folder-per-class tree as a TFDS builder: ``tfds.load("face_folder", builder_kwargs={"source": PATH})``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Required, TypedDict

import numpy as np
import tensorflow_datasets as tfds

from ..emotions import FACE_SIZE
from ..errors import DataError, readable_name
from .face_images import FaceSpool, Fit, describe_faces
from .faces import SPLITS
from .registration import VERSIONS
from .sources.folder_tree import FolderTree, TreeFile
from .sources.groups import Groups, find_groups
from .sources.recognise import recognise
from .sources.rows import BadRows, OnBad
from .sources.splits import Fractions, cut_splits
from .sources.tree import TreeSource

SPLIT_FRACTIONS: Fractions = (0.8, 0.1, 0.1)


class _Options(TypedDict, total=False):
    image_size: Required[int]
    split_fractions: Required[Fractions]
    split_seed: Required[int]
    on_bad: Required[OnBad]
    group_by: str
    fit: Fit


class FaceFolder(tfds.core.GeneratorBasedBuilder):
    """Faces from class folders, gray and of one size, in the splits of the folders or cut by seed.

    Every image is decoded by :mod:`fer_keras.imaging`, resized once (see
    :func:`fer_keras.imaging.resize_gray`) and kept as PNG. Splits without a folder are cut from the
    train split, see :func:`fer_keras.datasets.sources.splits.cut_splits`. ``info.metadata["notices"]`` says what was
    done, ``info.metadata["skipped"]`` what was left out.

    Args:
        source: path of a folder or zip, or what :func:`fer_keras.datasets.sources.recognise.recognise` made of it.
        image_size: side of the prepared faces in pixels.
        split_fractions: of train, validation and test; used for the splits that have no folder.
        split_seed: decides which faces a cut takes.
        on_bad: ``refuse`` ends the preparation at the first file that is wrong; ``skip`` leaves it out.
        group_by: regular expression that finds person or sequence in a path, see :func:`.groups.find_groups`.
        fit: what becomes of a picture that is not square: ``stretch`` changes its proportions, ``crop`` takes the
            middle, ``pad`` repeats its edge.
        classes: names of class folders that look like something else (``aligned``, ``set_a``).
        **kwargs: ``data_dir`` and the other arguments of every TFDS builder.

    Raises:
        DataError: the source is no tree of class folders, or holds a file that is wrong.
    """

    VERSION = tfds.core.Version(VERSIONS["face_folder"])
    RELEASE_NOTES = {  # noqa: RUF012 (TFDS reads a class attribute)
        "1.0.0": "First release.",
        "2.0.0": "Halves are rounded up where an image is resized.",
    }

    def __init__(
        self,
        *,
        source: TreeSource | str | os.PathLike | None = None,
        image_size: int = FACE_SIZE,
        split_fractions: Fractions = SPLIT_FRACTIONS,
        split_seed: int = 0,
        on_bad: OnBad = "refuse",
        group_by: str | None = None,
        fit: Fit = "stretch",
        classes: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        self._source = _require_tree(source).with_names(classes or ())
        self._options: _Options = {
            "image_size": image_size,
            "split_fractions": split_fractions,
            "split_seed": split_seed,
            "on_bad": on_bad,
        }
        if group_by is not None:  # copies that were prepared without it keep their options
            self._options["group_by"] = group_by
        if fit != "stretch":
            self._options["fit"] = fit
        self._classes = self._source.arrange(BadRows("skip")).classes
        super().__init__(**kwargs)
        self._original_state |= {"source": self._source, **self._options}  # pickling rebuilds the builder from this
        self._refuse_foreign_copy()

    def _refuse_foreign_copy(self) -> None:
        if self.is_prepared() and self.info.metadata.get("made_from") != self._made_from():
            raise DataError(
                f"{self.data_dir} was prepared from another tree than {self._source.path}, or with other options",
                hint="Give another data_dir, or remove that folder",
            )

    def _made_from(self) -> dict:
        fractions = list(self._options["split_fractions"])  # as JSON has it
        return {"source_signature": self._source.signature, **self._options, "split_fractions": fractions}

    def _info(self) -> tfds.core.DatasetInfo:
        size, metadata = self._options["image_size"], tfds.core.MetadataDict()
        return describe_faces(self, size, self._classes, metadata=metadata)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # nothing to download
        bad = BadRows(self._options["on_bad"])
        tree = self._source.arrange(bad)
        fit = self._options.get("fit", "stretch")
        faces = FaceSpool(_existing_folder(self.data_dir), self._options["image_size"], fit)
        files = list(_decode(self._source, tree.files, faces, bad))
        groups = find_groups(files, self._options.get("group_by"))
        members, cut = self._assign(tree, files, faces.digests, groups)
        _refuse_missing(tree, files, members, str(self._source.path))
        notices = [*tree.notices, *cut, *_shared_notices(groups, members), *_gap_notices(tree, files, members)]
        notices += _picture_notices(faces, len(files), fit)
        facts = {"made_from": self._made_from(), "skipped": bad.summary(), "notices": notices}
        self.info.metadata.update(facts)
        return {name: self._generate_examples(files, rows, faces) for name, rows in members.items()}

    def _assign(self, tree: FolderTree, files: list[TreeFile], digests: list[bytes], groups: Groups):
        """Return split name to rows of ``files``, and a notice where splits had to be cut."""
        split = np.array([SPLITS.index(file.split or "train") for file in files], np.int8)  # (n,)
        missing = [name for name in SPLITS if name not in tree.splits and name != "train"]
        if missing:
            fractions, seed = self._options["split_fractions"], self._options["split_seed"]
            rows = np.flatnonzero(split == 0)
            labels = np.array([files[row].label for row in rows], np.int64)
            own, kept = [digests[row] for row in rows], [groups.keys[row] for row in rows]
            split[rows] = cut_splits(labels, own, tree.splits, fractions=fractions, seed=seed, groups=kept)
        members = {name: self._shuffle(np.flatnonzero(split == index)) for index, name in enumerate(SPLITS)}
        return members, [_cut_notice(tree, missing, self._options["split_seed"], groups)] if missing else []

    def _shuffle(self, rows: np.ndarray) -> list[int]:
        """Mix the classes, which lie one after the other in a tree, so that the first faces are of all of them."""
        return np.random.default_rng((self._options["split_seed"], len(rows))).permutation(rows).tolist()

    def _generate_examples(
        self, files: list[TreeFile], rows: list[int], faces: FaceSpool
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for key, row in enumerate(rows):
            yield key, {"image": faces[row], "label": files[row].label, "id": readable_name(files[row].name)}


def _require_tree(source: TreeSource | str | os.PathLike | None) -> TreeSource:
    found = recognise(Path(source)) if isinstance(source, str | os.PathLike) else source
    if not isinstance(found, TreeSource):
        received = "None" if found is None else f"{found.path}, a FER2013 {found.kind}"
        raise DataError("face_folder reads trees of class folders", allowed="a folder or a zip", received=received)
    return found


def _existing_folder(path: str) -> Path:
    """The nearest folder above that exists: temporary faces belong on the disk of the prepared copy."""
    return next(folder for folder in Path(path).parents if folder.is_dir())


def _decode(source: TreeSource, files: tuple[TreeFile, ...], faces: FaceSpool, bad: BadRows) -> Iterator[TreeFile]:
    """Put every face into ``faces`` and yield the files that it could be made of, in the same order."""
    for file, (name, data) in zip(files, source.read(file.name for file in files), strict=True):
        try:
            if isinstance(data, DataError):
                raise data
            faces.append(data, file.box)
        except DataError as error:
            bad.handle(f"{source.path}, {name}", error)
        else:
            yield file


def _refuse_missing(tree: FolderTree, files: list[TreeFile], members: dict[str, list[int]], where: str) -> None:
    trained = {files[row].label for row in members["train"]}
    lost = [name for label, name in enumerate(tree.classes) if label not in trained]
    if lost:
        raise DataError(f"{where}: no training image of the class {lost[0]} is left", hint="Mend its files")
    empty = [name for name in SPLITS if not members[name]]
    if empty:
        raise DataError(
            f"{where}: the {empty[0]} split would be empty",
            hint="It needs images, or a class with three different pictures (of three persons, if faces are grouped) "
            "to be cut from",
        )


def _cut_notice(tree: FolderTree, missing: list[str], seed: int, groups: Groups) -> str:
    whole = "the listed pictures" if tree.listed else "the class folders"
    origin = whole if not tree.splits else "the train split" if tree.listed else "the train folder"
    known = groups.notice or (
        "names do not tell which faces are of one person or sequence, so that one person may be in several splits "
        "(--group-by PATTERN)"
    )
    return (
        f"{' and '.join(missing)} cut from {origin} by seed {seed}, identical copies kept together; {known}: "
        "scores hold for this division only"
    )


def _shared_notices(groups: Groups, members: dict[str, list[int]]) -> list[str]:
    """Splits that came as folders may share persons."""
    keys = {name: {groups.keys[row] for row in rows} - {""} for name, rows in members.items()}
    shared = keys["train"] & (keys["validation"] | keys["test"])
    if not shared:
        return []
    some = ", ".join(sorted(shared)[:3])
    return [
        f"{len(shared):,} persons or sequences of train are in validation or test too ({some}): scores are flattered"
    ]


def _gap_notices(tree: FolderTree, files: list[TreeFile], members: dict[str, list[int]]) -> list[str]:
    found = []
    for split in SPLITS[1:]:
        present = {files[row].label for row in members[split]}
        gaps = [name for label, name in enumerate(tree.classes) if label not in present]
        if gaps:
            found.append(f"{split} holds no face of the class {', '.join(gaps)}")
    return found


_FITTED = {"stretch": "stretched", "crop": "cut to their middle", "pad": "made square by repeating their edge"}


def _picture_notices(faces: FaceSpool, total: int, fit: Fit) -> list[str]:
    found = []
    if faces.not_square:
        found.append(f"{faces.not_square:,} of {total:,} images are not square and were {_FITTED[fit]}")
    if faces.coloured:
        found.append(
            f"{faces.coloured:,} of {total:,} images are in colour, of which the brightness is kept (ITU-R 601)"
        )
    return found
