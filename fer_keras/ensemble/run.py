"""A run whose network averages the probabilities of finished runs; it is used like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from ..atomic_files import atomic_path, write_json, write_text
from ..devices import accelerators
from ..errors import InputError
from ..evaluation.calibration.record import read_calibration
from ..evaluation.prediction import load_run_model
from ..models import count_macs
from ..models.layers import Logarithm
from ..models.saving import save_network
from ..recipe.model import EnsembleModel
from ..recipe.recipe import Recipe, dump_recipe, load_yaml_file, make_recipe
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from ..runs.run_record import describe_source, git_commit, hardware, now, versions

RECIPE_HEADER = "# An ensemble of finished runs: only the data section says something, nothing was trained here.\n"


@dataclass(frozen=True)
class Member:
    """A finished run, opened and verified.

    Attributes:
        run: its folder.
        record: content of its ``run.json``.
        model: ``(B, S, S, 1)`` pixels 0..255 to logits ``(B, classes)``.
        temperature: that its logits are divided by before the mean is taken.
    """

    run: RunFolder
    record: dict
    model: keras.Model
    temperature: float = 1.0

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.run.path.resolve().name


def open_members(runs: Sequence[RunFolder], *, calibrated: bool = False) -> list[Member]:
    """Load the networks of finished runs and make sure that they answer the same question.

    Args:
        runs: at least two, each once, opened and verified by the caller.
        calibrated: divide the logits of each by the temperature of its ``calibration.json``.

    Raises:
        InputError: fewer than two, one given twice, one without a calibration, or one of other classes or another side
            than the first, which is named.
        ModelFileError, RunFolderError: a run that cannot be read.
    """
    if len(runs) < 2:
        raise InputError("an ensemble needs at least two runs", received=len(runs))
    members = [Member(run, read_run_json(run), load_run_model(run), _temperature(run, calibrated)) for run in runs]
    first = members[0]
    for place, member in enumerate(members):
        if member.run.path.resolve() in [other.run.path.resolve() for other in members[:place]]:
            raise InputError(f"{member.name} is given twice", hint="Give each run once")
        for what, value in _question(member).items():
            expected = _question(first)[what]
            if value != expected:
                raise InputError(
                    f"{member.name} has another {what} than {first.name}", allowed=expected, received=value
                )
    return members


def _temperature(run: RunFolder, calibrated: bool) -> float:
    if not calibrated:
        return 1.0
    found = read_calibration(run)
    if found is None:
        raise InputError(f"{run.path} has no calibration", hint=f"fer-keras calibrate {run.path}, or --uncalibrated")
    return found.temperature


def _question(member: Member) -> dict[str, str]:
    classes = member.record.get("classes") or ["unknown"]
    return {"list of classes": ", ".join(classes), "side of faces": f"{member.model.input_shape[1]} pixels"}


def build_ensemble(members: Sequence[Member]) -> keras.Model:
    """Build the network: ``(B, S, S, 1)`` pixels 0..255 to logits ``(B, classes)``.

    These are the logarithm of the mean of the members' probabilities, so that their softmax is that mean.
    """
    images = keras.Input(members[0].model.input_shape[1:], name="images")
    parts = []
    for number, member in enumerate(members, start=1):
        # A name of its own: two runs may be of one network.
        network = keras.Model(member.model.inputs[0], member.model.outputs[0], name=f"member{number}")
        scaled = keras.layers.Rescaling(1 / member.temperature, name=f"temperature{number}", dtype="float32")
        parts.append(keras.layers.Softmax(name=f"probabilities{number}", dtype="float32")(scaled(network(images))))
    mean = keras.layers.Average(name="mean", dtype="float32")(parts)  # (B, classes)
    return keras.Model(images, Logarithm(name="logits", dtype="float32")(mean), name="ensemble")


def write_ensemble(members: Sequence[Member], run: RunFolder, *, command: str = "") -> dict:
    """Write ``recipe.yaml, run.json, model.keras, manifest.json``.

    Args:
        members: of :func:`open_members`.
        run: a new folder, which is not there yet or empty.
        command: recorded in ``run.json``.

    Returns:
        The content of ``run.json``.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    model = build_ensemble(members)
    record = _describe(members, model, command)
    data = make_recipe(load_yaml_file(members[0].run.recipe)).data
    faces = members[0].run.training_faces
    with run.appear() as draft:
        write_text(draft.recipe, RECIPE_HEADER + dump_recipe(Recipe(model=EnsembleModel(), data=data)))
        save_network(model, draft.model)
        if "dataset" in record and faces.is_file():
            members[0].run.check(faces)
            with atomic_path(draft.training_faces) as scratch:
                scratch.write_bytes(faces.read_bytes())
        write_json(draft.run_json, record)
        draft.write_manifest()
    return record


def _describe(members: Sequence[Member], model: keras.Model, command: str) -> dict:
    datasets = [member.record.get("dataset") or {} for member in members]
    sha256 = datasets[0].get("sha256")
    same_faces = sha256 is not None and all(dataset.get("sha256") == sha256 for dataset in datasets)
    notices = [] if same_faces else ["the members were not trained on the same data"]
    return {
        "model": "ensemble",
        "classes": members[0].record["classes"],
        "image_size": model.input_shape[1],
        **({"dataset": datasets[0]} if same_faces else {}),
        "notices": list(dict.fromkeys([*notices, *(n for m in members for n in m.record.get("notices", ()))])),
        "members": [describe_source(m.run, m.record) | {"temperature": m.temperature} for m in members],
        "parameters": int(model.count_params()),
        "trainable_parameters": 0,
        "macs": count_macs(model),
        "precision": "float32",
        "backend": keras.backend.backend(),
        "hardware": hardware(accelerators()),
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
        "finished": now(),
    }
