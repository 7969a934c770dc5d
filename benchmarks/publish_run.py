"""Copy a finished run to where it is published: without its large or private files, under a manifest of its own.

    python benchmarks/publish_run.py RUN... --output saved_models                   # with small TFLite files
    python benchmarks/publish_run.py RUN... --output saved_models --small           # a third less
    python benchmarks/publish_run.py RUN... --output docs/measured --without-model  # what was measured only

Pictures of single faces (worst_mistakes.png) stay out, since FER2013 may not be passed on. Of absolute paths in
recipe.yaml and run.json the file name is left. ``results_table.py`` reads both kinds.
"""

from __future__ import annotations

import argparse
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

from fer_keras.atomic_files import atomic_folder, write_text
from fer_keras.errors import FerKerasError
from fer_keras.runs.run_folder import RunFolder

RECORD = (
    "recipe.yaml",
    "run.json",
    "history.csv",
    "calibration.json",
    "evaluation/*/metrics.json",
    "evaluation/*/robustness.json",
)
SMALL = (
    *RECORD,
    "model.keras",
    "training_faces.npy",
    "curves.png",
    "evaluation/test*/predictions.csv",
    "evaluation/test*/confusion_matrix.png",
    "exports/*.json",
    "exports/labels.txt",
    "exports/model_dynamic.tflite",
)
PUBLISHED = (*SMALL, "calibration/*", "evaluation/*", "exports/model_int8.tflite")
NEVER = ("*/worst_mistakes.png",)
_ABSOLUTE = re.compile(r"""(?<![\w.:/])/(?:[^/\s"']+/)+(?=[^/\s"']+)""")


def publish_run(source: Path, output: Path, patterns: tuple[str, ...] = PUBLISHED) -> Path:
    """Copy what matches the patterns to ``output/NAME``; an earlier copy is replaced as a whole.

    Args:
        source: a finished run.
        output: folder of published runs.
        patterns: of paths inside the run; ``*`` matches slashes too.

    Raises:
        RunFolderError, ModelFileError: unfinished, changed or damaged.
    """
    run = RunFolder.open(source)
    run.verify()
    target = output / run.path.resolve().name
    with atomic_folder(target) as folder:
        for file in run.files():
            name = file.relative_to(run.path).as_posix()
            if _matches(name, patterns) and not _matches(name, NEVER):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / name)
        for path in (folder / "recipe.yaml", folder / "run.json"):
            write_text(path, _ABSOLUTE.sub("", path.read_text(encoding="utf-8")))
        RunFolder(folder).write_manifest()
    return target


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--small", action="store_true", help="one TFLite file; pictures of the test split only")
    what.add_argument("--without-model", action="store_true", help="only what was measured")
    options = parser.parse_args()
    try:
        for path in options.runs:
            patterns = RECORD if options.without_model else SMALL if options.small else PUBLISHED
            print(publish_run(path, options.output, patterns))
    except FerKerasError as error:
        parser.exit(1, f"Error: {error}\n")


if __name__ == "__main__":
    main()
