"""The files of one exploration: pictures, one self-contained HTML page and the numbers behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from ..atomic_files import check_output_folder, write_json, write_text
from ..datasets.faces import FaceDataset
from ..plotting.data import plot_class_distribution, plot_distributions, plot_gray_levels
from ..plotting.faces import plot_mean_faces, plot_sample_grid
from ..plotting.paper import in_every_format
from ..plotting.results import plot_face_grid
from ..plotting.style import save_figure
from ..reporting.page import png_data_uri
from .copies import Copy, CopyGroup, NearCopy, each_face_once, picture_of, tell_apart, worst_groups
from .page import GROUPS_SHOWN, NEAR_SHOWN, make_page
from .summary import STATISTICS, Exploration, describe

PAGE, NUMBERS = "index.html", "numbers.json"
# The page carries these as they are; it shows the copies as single faces, which fit a small screen.
ON_PAGE = ("classes.png", "samples.png", "mean_faces.png", "gray_levels.png", "pixel_statistics.png")
PICTURES = (*ON_PAGE, "contradictory_copies.png", "copies_across_splits.png", "near_copies.png")
FILES = (PAGE, NUMBERS, *PICTURES)
_GROUPS_PER_ROW, _LINES_SHOWN = 6, 4

AXES = {
    "brightness": "mean gray level of a face",
    "contrast": "standard deviation of its gray levels",
    "sharpness": "variance of its Laplacian",
}


def check_free(folder: Path, force: bool) -> None:
    """Refuse a folder with something in it, see :func:`fer_keras.atomic_files.check_output_folder`."""
    check_output_folder(folder, in_every_format(FILES), force=force, kind="an exploration")


def write_exploration(folder: Path, dataset: FaceDataset, exploration: Exploration) -> dict:
    """Write every file of an exploration into ``folder``.

    Args:
        folder: exists and is empty.
        dataset: what was explored.
        exploration: of that data set.

    Returns:
        The content of ``numbers.json``, see :func:`fer_keras.exploration.summary.describe`.

    Raises:
        RunFolderError: the file system refuses.
    """
    numbers = describe(dataset, exploration)
    with rc_context({"text.parse_math": False}):  # a $ in a class name is a $
        for name, figure in draw_pictures(dataset, exploration).items():
            save_figure(figure, folder / name)
    pictures = {name.removesuffix(".png"): png_data_uri((folder / name).read_bytes()) for name in ON_PAGE}
    write_text(folder / PAGE, make_page(dataset, exploration, numbers, pictures))
    write_json(folder / NUMBERS, numbers)
    return numbers


def draw_pictures(dataset: FaceDataset, exploration: Exploration) -> dict[str, Figure]:
    """Draw every picture; keys are the names of the files."""
    splits, train = exploration.splits, dataset.splits["train"]
    counts = splits["train"].counts.tolist()  # one a class
    values = {key: {name: getattr(s, key) for name, s in splits.items()} for key in STATISTICS}
    bad, across = worst_groups(exploration.groups)
    return {
        "classes.png": plot_class_distribution(
            {name: s.counts for name, s in splits.items()},
            dataset.classes,
            f"{dataset.name}: classes\nshare of each class in each split, and faces",
        ),
        "samples.png": plot_sample_grid(
            [train.images[rows, ..., 0] for rows in exploration.samples],
            dataset.classes,
            counts,
            f"{dataset.name}: samples\ntraining faces drawn at random within each class, seed {exploration.seed}",
        ),
        "mean_faces.png": plot_mean_faces(
            exploration.means,
            exploration.overall_mean,
            dataset.classes,
            counts,
            f"{dataset.name}: mean training face\nbelow: minus the mean of all, red brighter, blue darker",
        ),
        "gray_levels.png": plot_gray_levels(
            {name: s.gray_levels for name, s in splits.items()},
            f"{dataset.name}: gray levels\nall pixels of each split",
        ),
        "pixel_statistics.png": plot_distributions(
            values, AXES, ("sharpness",), f"{dataset.name}: pixel statistics\nshare of the faces of each split"
        ),
        "contradictory_copies.png": _plot_groups(dataset, bad, "same pixels, different labels"),
        "copies_across_splits.png": _plot_groups(dataset, across, "same pixels, same label, several splits"),
        "near_copies.png": _plot_near(dataset, exploration.near),
    }


def _plot_groups(dataset: FaceDataset, groups: list[CopyGroup], what: str) -> Figure:
    shown = groups[:GROUPS_SHOWN]
    images = _stack(dataset, [group.copies[0] for group in shown])
    captions = ["\n".join(_caption(dataset, group)) for group in shown]
    title = f"{dataset.name}: {what}"
    if shown:
        title += f"\n{len(shown)} of {len(groups):,} pictures; above each, where it stands and as what"
    return plot_face_grid(images, captions, _GROUPS_PER_ROW, title, empty="No such copies")


def _caption(dataset: FaceDataset, group: CopyGroup) -> list[str]:
    lines = [said for said, _ in tell_apart(dataset, group)]
    return lines if len(lines) <= _LINES_SHOWN else [*lines[: _LINES_SHOWN - 1], f"and {len(lines) - 3} more"]


def _plot_near(dataset: FaceDataset, near: list[NearCopy] | None) -> Figure:
    """Pairs side by side, three pairs in a row."""
    pairs = near or []
    shown = each_face_once(pairs)[:NEAR_SHOWN]
    faces = [copy for pair in shown for copy in (pair.first, pair.second)]
    alike = [text for pair in shown for text in (f"{pair.correlation:.3f} →", "mirrored" if pair.mirrored else "")]
    captions = [f"{copy.split}: {dataset.classes[copy.label]}\n{text}" for copy, text in zip(faces, alike, strict=True)]
    title = f"{dataset.name}: near copies in different splits"
    if shown:
        title += f"\n{len(shown)} of {len(pairs):,} pairs, each face at most once, and their correlation"
    empty = "Near copies were not looked for" if near is None else "No such copies"
    return plot_face_grid(_stack(dataset, faces), captions, _GROUPS_PER_ROW, title, empty=empty, together=2)


def _stack(dataset: FaceDataset, copies: list[Copy]) -> np.ndarray:
    size = dataset.splits["train"].images.shape[1:3]
    return np.array([picture_of(dataset, copy) for copy in copies], np.uint8).reshape(-1, *size)  # (n, H, W)
