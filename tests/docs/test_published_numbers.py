"""README, docs/results.md, model card and run folders say the same."""

import json
import re
from pathlib import Path

import ablation_table
import pytest
import results_table

from fer_keras.inference.model_files import PACKAGED_RUNS, packaged_file
from fer_keras.recipe.recipe import load_yaml_file, make_recipe
from fer_keras.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
RUNS = [RunFolder(ROOT / "saved_models" / name) for name in PACKAGED_RUNS]
ABLATIONS = ROOT / "docs" / "measured" / "ablations"
# Of runs whose models are too large to publish, and of further seeds.
RECORDS = sorted((ROOT / "docs" / "measured").glob("*-fer2013*"))
README, RESULTS, CARD = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/results.md", "MODEL_CARD.md")
)

pytestmark = pytest.mark.skipif(not RUNS[0].path.is_dir(), reason="the published runs are not here")


def metrics_of(run, evaluation):
    return json.loads((run.path / "evaluation" / evaluation / "metrics.json").read_text(encoding="utf-8"))


def test_the_table_of_results_is_what_the_run_folders_give():
    table = results_table.to_markdown(results_table.collect([*(run.path for run in RUNS), *RECORDS]))
    assert table.strip() in RESULTS


def test_the_ablations_are_what_their_records_give():
    rows = ablation_table.compare(sorted(ABLATIONS.iterdir()), ABLATIONS / "base-seed0")
    assert ablation_table.to_markdown(rows) in (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def test_the_short_schedules_are_what_their_records_give():
    lines = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8").splitlines()
    groups = {}
    for record in sorted((ABLATIONS.parent / "short_schedules").iterdir()):
        groups.setdefault(record.name.split("-seed")[0], []).append(ablation_table.read_arm(record))
    for name, arms in groups.items():
        row = next(line for line in lines if line.startswith(f"| `{name}` |"))
        seeds = ", ".join(str(arm["seed"]) for arm in arms)
        best = ", ".join(f"{100 * arm['best']:.2f}" for arm in arms)
        train = 100 * sum(arm["train"] for arm in arms) / len(arms)
        assert row.endswith(f"| {seeds} | {best} | {train:.1f} |")
    shipped = make_recipe(load_yaml_file(ROOT / "configs" / "cnn_small_quick.yaml"))
    trained = make_recipe(load_yaml_file(ABLATIONS.parent / "short_schedules" / "quick20-seed0" / "recipe.yaml"))
    assert shipped == trained.model_copy(update={"data": shipped.data})


@pytest.mark.parametrize("run", RUNS, ids=PACKAGED_RUNS)
def test_the_card_says_what_was_measured(run):
    metrics = metrics_of(run, "test")
    row = next(line for line in CARD.splitlines() if line.startswith(f"| `{run.path.name}`"))
    said = [f"{100 * metrics['accuracy']:.2f} %", f"{metrics['macro_f1']:.3f}"]
    said += [f"{100 * metrics['deduplicated']['accuracy']:.2f} %"]
    said += [f"{scores['recall']:.2f}" for scores in metrics["per_class"].values()]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:-1] == said
    assert (metrics["n"], metrics["deduplicated"]["n"]) == (3589, 2889)
    parity = json.loads(run.exports.joinpath("parity.json").read_text(encoding="utf-8"))["exports"]["tflite_dynamic"]
    size = packaged_file(run.path.name).stat().st_size
    assert size == parity["bytes"]
    exported = f"{100 * parity['accuracy']:.2f} % ({100 * parity['keras_accuracy']:.2f} % unquantised)"
    assert cells[-1] == f"{size / 1e6:.2f} MB, PublicTest {exported}"


@pytest.mark.parametrize("run", RUNS, ids=PACKAGED_RUNS)
def test_the_short_table_of_the_readme_is_of_the_packaged_runs(run):
    metrics, record = metrics_of(run, "test"), json.loads(run.run_json.read_text(encoding="utf-8"))
    name = run.path.name.removesuffix("-fer2013")
    numbers = f"{100 * metrics['accuracy']:.2f} % | {100 * metrics['deduplicated']['accuracy']:.2f} % |"
    size = f"{packaged_file(run.path.name).stat().st_size / 1e6:.2f} MB"
    assert f"| `{name}` | {record['parameters']:,} | {numbers} {size}" in README


def test_the_damage_in_results_is_what_the_run_folders_say():
    def accuracies(corruption):
        return ", ".join(f"{entry['value']:g}: {100 * entry['accuracy']:.1f}" for entry in corruption["severities"])

    files = [run.path / "evaluation" / "validation" / "robustness.json" for run in RUNS]
    for kinds in zip(*(json.loads(file.read_text())["corruptions"] for file in files), strict=True):
        cells = [f"{kinds[0]['title']}, {kinds[0]['parameter']}", *map(accuracies, kinds)]
        assert f"| {' | '.join(cells)} |" in RESULTS


def test_results_and_card_say_how_many_faces_of_disgust_are_found_without_copies():
    found = {}
    for run in RUNS:
        clean = metrics_of(run, "test")["deduplicated"]["per_class"]["disgust"]
        assert clean["support"] == 23
        found[run.path.name.removesuffix("-fer2013")] = round(23 * clean["recall"])
    card, results = (" ".join(text.split()) for text in (CARD, RESULTS))
    assert f"of the 23 others they find {found['cnn_small']}, {found['cnn']} and {found['scratch_cnn']}." in card
    assert f"of the 23 that are not copies, {found['scratch_cnn']}, {found['cnn_small']} and {found['cnn']}." in results


@pytest.mark.parametrize("run", RUNS, ids=PACKAGED_RUNS)
def test_the_card_says_how_far_a_probability_can_be_believed(run):
    metrics, calibration = metrics_of(run, "test"), json.loads((run.path / "calibration.json").read_text())
    after = metrics["calibrated"]
    text = " ".join(CARD.split())
    start = re.search(rf"`{run.path.name}`: temperature ", text).end()
    said = text[start : start + 500]
    for number in (
        f"{calibration['temperature']:.3f}",
        f"{metrics['ece']:.4f}",
        f"{after['ece']:.4f}",
        f"{metrics['nll']:.4f}",
        f"{after['nll']:.4f}",
        f"{calibration['threshold']:.2f}",
        f"{100 * after['uncertain']['coverage']:.1f} %",
        f"{100 * after['uncertain']['precision']:.1f} %",
        f"{100 * after['deduplicated']['uncertain']['coverage']:.1f} %",
        f"{100 * after['deduplicated']['uncertain']['precision']:.1f} %",
    ):
        assert number in said, number


def test_the_exports_of_the_default_model_are_those_of_results():
    parity = json.loads(RUNS[0].exports.joinpath("parity.json").read_text(encoding="utf-8"))["exports"]
    titles = {"tflite_dynamic": "TFLite dynamic", "tflite_int8": "TFLite int8", "tflite": "TFLite float32"}
    for name, title in titles.items():
        export = parity[name]
        row = next(line for line in RESULTS.splitlines() if line.startswith(f"| {title} |"))
        assert f"| {100 * export['accuracy']:.2f} % |" in row
        assert f"| {export['bytes'] / 1e6:.2f} MB |" in row
        low, high = (100 * value for value in export["accuracy_difference_ci95"])
        if export["accuracy_difference"]:
            assert f"{100 * export['accuracy_difference']:+.2f} ({low:+.2f} to {high:+.2f})" in row


def test_what_is_published_fits_into_40_megabytes():
    assert sum(file.stat().st_size for run in RUNS for file in run.path.rglob("*") if file.is_file()) < 40e6
