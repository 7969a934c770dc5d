"""What may be compared is, and what may not is named and left empty."""

import json

import pytest

from fer_keras.atomic_files import write_json, write_text
from fer_keras.comparison import compare_runs, describe
from fer_keras.comparison.markdown import to_markdown
from fer_keras.datasets.faces import Split
from fer_keras.emotions import FER7
from fer_keras.errors import DataError, InputError, ModelFileError, RunFolderError

OTHER = {"cpu": "Other CPU", "cores": 8, "memory_gib": 32.0, "gpus": []}


def scores_of(document, tta="none"):
    return {row["run"]: row["scores"] for row in document["scores"][tta]}


def test_two_runs_on_the_same_faces(make_run):
    first, second = make_run("a", range(10)), make_run("b", range(5, 40))
    document = describe(compare_runs([first.path, second.path]))
    assert document["notices"] == []
    assert document["reference_run"] == "a"
    assert scores_of(document)["a"]["accuracy"] == pytest.approx(200 / 210)
    (pair,) = document["pairs"]["none"]
    counts = [pair[key] for key in ("both_right", "only_first_right", "only_second_right", "both_wrong")]
    assert counts == [170, 30, 5, 5]
    assert pair["mcnemar_p"] == pair["holm_p"] < 0.001
    assert pair["accuracy_difference"] == pytest.approx(25 / 210)
    assert pair["accuracy_difference_ci95"][0] < 25 / 210 < pair["accuracy_difference_ci95"][1]


@pytest.mark.parametrize(("theirs", "comparable"), [("e" * 64, True), ("f" * 64, False), (None, False)])
def test_runs_of_data_sets_that_differ_in_training_only_are_compared_on_the_same_split(make_run, theirs, comparable):
    runs = [
        make_run("a", range(10), split_sha256="e" * 64),
        make_run("b", range(20), sha256="b" * 64, trained_on="b" * 64, split_sha256=theirs),
    ]
    document = describe(compare_runs([run.path for run in runs]))
    assert bool(document["pairs"]["none"]) is comparable


def reversed_faces(faces):
    return Split(faces.images[::-1], faces.labels[::-1], faces.ids[::-1])


@pytest.mark.parametrize("case", ["sha256", "classes", "order", "ids"])
def test_scores_on_other_faces_are_left_empty_and_named(make_run, faces_of, case):
    differs = {
        "sha256": {"sha256": "b" * 64},
        "classes": {"classes": (*FER7[:5], FER7[6], FER7[5])},
        "order": {"faces": reversed_faces(faces_of())},
        "ids": {"faces": faces_of(prefix="train/x")},
    }[case]
    reason = {
        "sha256": "another data set: fer2013, sha256 bbbbbbbbbbbb instead of aaaaaaaaaaaa",
        "classes": "other classes or another order",
        "order": "another order",
        "ids": "other faces",
    }[case]
    runs = [make_run("a", range(10)), make_run("b", range(40), **differs), make_run("c", range(20))]
    document = describe(compare_runs([run.path for run in runs]))
    row = document["scores"]["none"][1]
    assert row["scores"] is None
    assert reason in row["obstacle"]
    assert any(notice.startswith("b is not comparable with a") and reason in notice for notice in document["notices"])
    assert [(pair["first"], pair["second"]) for pair in document["pairs"]["none"]] == [("a", "c")]
    assert row["run"] in to_markdown(document)


def test_a_missing_evaluation_is_an_empty_cell_with_its_command(make_run):
    runs = [make_run("a", range(10)), make_run("not evaluated", None)]
    document = describe(compare_runs([run.path for run in runs]))
    row = document["scores"]["none"][1]
    assert row["scores"] is None
    assert row["command"] == f"fer-keras evaluate '{runs[1].path}' --split test --tta none"
    assert row["command"] in to_markdown(document)
    assert document["networks"][0]["command"] == f"fer-keras export {runs[0].path}"
    assert document["latency"][0]["command"] == f"fer-keras benchmark {runs[0].path}"


def test_nothing_is_evaluated_at_all(make_run):
    document = describe(compare_runs([make_run("a", None).path, make_run("b", None).path], "validation"))
    assert [row["command"].endswith("--split validation --tta none") for row in document["scores"]["none"]] == [
        True
    ] * 2
    assert document["n"] is None
    assert "not evaluated" in to_markdown(document)


def test_tta_stays_apart(make_run, add_evaluation, faces_of):
    first, second = make_run("a", range(10)), make_run("b", range(20))
    add_evaluation(first, faces_of(), range(3), tta="flip")
    document = describe(compare_runs([first.path, second.path]))
    assert scores_of(document, "none")["a"]["accuracy"] == pytest.approx(200 / 210)
    assert scores_of(document, "flip")["a"]["accuracy"] == pytest.approx(207 / 210)
    assert scores_of(document, "flip")["b"] is None
    assert document["pairs"]["flip"] == []


def test_seeds_of_one_recipe_get_mean_and_sd_and_a_seed_counts_once(make_run):
    runs = [make_run(f"s{i}", range(10 * (i + 1)), seed=i) for i in range(3)]
    runs.append(make_run("again", range(90), seed=2))
    runs.append(make_run("wider", range(5), seed=0, recipe="model: {width: 32}\n"))
    document = describe(compare_runs([run.path for run in runs]))
    (row,) = document["seeds"]["none"]
    assert (row["runs"], row["n_seeds"]) == (["s0", "s1", "s2"], 3)
    assert row["accuracy"]["mean"] == pytest.approx(190 / 210)
    assert row["accuracy"]["sd"] == pytest.approx(10 / 210)
    differing = {entry["key"]: entry["values"] for entry in document["recipe_differences"]}
    assert differing == {"model.width": [64, 64, 64, 64, 32], "train.seed": [0, 1, 2, 2, 0]}


def test_two_seeds_are_printed_as_two_numbers(make_run):
    runs = [make_run(f"s{i}", range(21 * (i + 1)), seed=i) for i in range(2)]
    text = to_markdown(describe(compare_runs([run.path for run in runs])))
    assert "| s0 and seeds: 0 and 1 | 90.00 and 80.00 |" in text
    assert "±" not in text


def test_times_on_other_hardware_have_no_ratio(make_run):
    runs = [make_run("a"), make_run("b"), make_run("c", hardware=OTHER)]
    document = describe(compare_runs([run.path for run in runs]))
    assert [row["relative_seconds_per_epoch"] for row in document["training"]] == [1, 1, None]
    assert [row["seconds_per_epoch"] for row in document["training"]] == [12, 12, 12]
    assert document["hardware"]["B"] == "Other CPU, 8 cores, 32 GiB, no GPU"
    assert any("2 machines" in notice for notice in document["notices"])


def test_the_gap_is_that_of_the_best_epoch_and_needs_the_same_training_data(make_run):
    runs = [make_run("a"), make_run("b", trained_on="c" * 64)]
    first, second = describe(compare_runs([run.path for run in runs]))["training"]
    assert (first["best_epoch"], first["gap"]) == (2, pytest.approx(0.1))
    assert second["gap"] is second["train_accuracy"] is None
    assert "trained and validated on other data than a" in second["obstacle"]


def test_another_loss_is_named(make_run):
    runs = [make_run("a"), make_run("b", recipe="augmentation: {mixup: 0.2}\n")]
    notices = describe(compare_runs([run.path for run in runs]))["notices"]
    assert notices == ["b has no loss curve here: its loss is another than that of a (augmentation.mixup)."]


def test_synthetic_faces_and_a_selected_split_are_told_first(make_run):
    runs = [make_run(name, split="validation", dataset="synthetic") for name in ("a", "b")]
    document = describe(compare_runs([run.path for run in runs], "validation"))
    assert document["notices"][0].startswith("SYNTHETIC FACES: a, b.")
    assert "optimistic" in document["notices"][1]
    assert len(document["notices"]) == 2
    assert to_markdown(document).count("| a (SYNTHETIC)") >= 5  # scores, training, size, latency, origin


def write_benchmark(run, hardware, p50, **changes):
    row = {"format": "keras", "batch": 1, "threads": 1, "median_ms": p50, "p90_ms": 2 * p50, "faces_per_second": 9.0}
    rows = [{**row, **changes}, {**row, "format": "keras_eager", "median_ms": 9.0}]
    write_json(run.path / "benchmark.json", {"hardware": hardware, "date": "2026", "rows": rows})
    run.write_manifest()


def test_latency_is_read_and_its_ratio_stays_on_one_machine(make_run):
    runs = [make_run(name) for name in "abc"]
    for run, hardware, p50 in zip(runs, (OTHER, OTHER, {**OTHER, "cores": 4}), (2.0, 3.0, 4.0), strict=True):
        write_benchmark(run, hardware, p50)
    rows = describe(compare_runs([run.path for run in runs]))["latency"]
    compiled = [row for row in rows if row["format"] == "keras"]
    assert [(row["p50_ms"], row["relative_p50"]) for row in compiled] == [(2, 1), (3, 1.5), (4, None)]
    assert [row["p50_ms"] for row in rows if row["format"] == "keras_eager"] == [9, 9, 9]


def test_keras_of_earlier_benchmarks_was_an_eager_call(make_run):
    runs = [make_run(name) for name in "ab"]
    old = {"format": "keras", "batch": 1, "threads": 1, "median_ms": 17.0, "p90_ms": 18.0, "faces_per_second": 9.0}
    write_json(runs[0].path / "benchmark.json", {"hardware": OTHER, "rows": [old]})
    runs[0].write_manifest()
    write_benchmark(runs[1], OTHER, 1.5)
    rows = describe(compare_runs([run.path for run in runs]))["latency"]
    found = {(row["run"], row["format"]): (row["p50_ms"], row["relative_p50"]) for row in rows}
    assert found == {
        ("a", "keras"): (None, None),
        ("a", "keras_eager"): (17, 1),
        ("b", "keras"): (1.5, None),  # nothing compiled to hold it against
        ("b", "keras_eager"): (9, 9 / 17),
    }


def test_a_damaged_benchmark_is_one_clear_error(make_run):
    runs = [make_run("a"), make_run("b")]
    write_benchmark(runs[0], OTHER, 1.0, median_ms="fast")
    with pytest.raises(RunFolderError, match=r"benchmark.json: 'rows.0.median_ms'.*fer-keras benchmark"):
        compare_runs([run.path for run in runs])


def test_exports_of_another_model_do_not_count(make_run):
    runs = [make_run("a"), make_run("b")]
    for run, sha256 in zip(runs, ("0" * 64, None), strict=True):
        write_text(run.exports / "model_float32.tflite", "flat")
        write_json(run.exports / "parity.json", {"model_sha256": sha256, "exports": {}})
        run.write_manifest()
    first, second = describe(compare_runs([run.path for run in runs]))["networks"]
    assert (first["bytes"]["tflite_float32"], second["bytes"]["tflite_float32"]) == (None, 4)
    assert "another model" in first["obstacle"]


def test_runs_that_cannot_be_trusted_are_refused(make_run):
    first, second = make_run("a"), make_run("b")
    with pytest.raises(InputError, match="two runs or more"):
        compare_runs([first.path])
    with pytest.raises(InputError, match="given twice"):
        compare_runs([first.path, first.path / "." / "../a"])
    metrics = second.evaluation("test") / "metrics.json"
    content = json.loads(metrics.read_text())
    metrics.write_text(json.dumps({**content, "accuracy": 0.9}))
    with pytest.raises(ModelFileError, match="differs from the manifest"):
        compare_runs([first.path, second.path])
    second.write_manifest()
    with pytest.raises(DataError, match=r"metrics.json and predictions.csv .* disagree"):
        compare_runs([first.path, second.path])


def test_runs_of_one_name_are_told_apart(make_run, tmp_path):
    first, second = make_run("x/run"), make_run("y/run")
    assert [run.name for run in compare_runs([first.path, second.path]).runs] == ["x/run", "y/run"]


def test_names_cannot_break_the_table(make_run):
    runs = [make_run("a|b<i>"), make_run("b")]
    text = to_markdown(describe(compare_runs([run.path for run in runs])))
    assert "a\\|b\\<i\\>" in text
    assert "<i>" not in text.replace("\\<i\\>", "").replace(str(runs[0].path), "")
