"""The table of ablations: which runs stand in one row, what it says of them, and what it refuses."""

import ablation_table as table
import pytest

from fer_keras.atomic_files import write_text
from fer_keras.errors import RunFolderError
from fer_keras.recipe.recipe import dump_recipe, make_recipe
from fer_keras.runs.run_folder import RunFolder


@pytest.fixture
def make_arm(tmp_path):
    """Return a function that writes recipe and history of a run with these validation accuracies."""

    def make(name, seed, accuracies, *, epochs=None, **sections):
        run = RunFolder.create(tmp_path / name)
        train = {"epochs": epochs or len(accuracies), "seed": seed} | sections.pop("train", {})
        recipe = make_recipe({"model": {"name": "cnn"}, "train": train, **sections})
        write_text(run.recipe, dump_recipe(recipe))
        rows = [f"{number},1,0.01,1,0.5,1,{value}" for number, value in enumerate(accuracies, 1)]
        heading = "epoch,seconds,learning_rate,loss,accuracy,val_loss,val_accuracy"
        write_text(run.history, "\n".join([heading, *rows]) + "\n")
        return run.path

    return make


def test_a_row_holds_the_seeds_of_one_recipe_and_its_differences_seed_by_seed(make_arm):
    base = [make_arm(f"base-seed{seed}", seed, [0.3, best, 0.4]) for seed, best in ((0, 0.50), (1, 0.60))]
    flat = [
        make_arm(f"flat-seed{seed}", seed, [0.1, 0.2, best], train={"ema": 0.9})
        for seed, best in ((1, 0.63), (0, 0.51))
    ]
    lone = make_arm("lone", 1, [0.1, 0.2, 0.59], augmentation={"blur": 1.5, "noise": 20})
    rows = table.compare([*flat, lone, *base], base[0])
    assert [row["changed"] for row in rows] == [
        (),
        ("train.ema=0.9",),
        ("augmentation.blur=1.5", "augmentation.noise=20.0"),
    ]
    assert rows[1]["seeds"] == [0, 1]
    assert rows[1]["values"] == [0.51, 0.63]
    assert rows[1]["difference"]["values"] == pytest.approx([0.01, 0.03])
    assert rows[2]["difference"]["mean"] == pytest.approx(-0.01)
    lines = table.to_markdown(rows).splitlines()
    assert lines[2] == "| nothing | 0, 1 | 50.00, 60.00 | 55.00 |  | 50.0 |"
    assert lines[3] == "| `train.ema=0.9` | 0, 1 | 51.00, 63.00 | 57.00 | +1.00 and +3.00 | 50.0 |"
    assert lines[4].endswith("| 1 | 59.00 | 59.00 | -1.00 | 50.0 |")


def test_a_crop_in_pixels_is_the_same_as_that_part_of_the_side(make_arm):
    pixels = make_arm("a", 0, [0.5], augmentation={"crop": 40})
    part = make_arm("b", 1, [0.6], augmentation={"crop": 0.83})
    assert [row["seeds"] for row in table.compare([pixels, part], pixels)] == [[0, 1]]


def test_what_cannot_be_compared_is_refused(make_arm):
    base = make_arm("base", 0, [0.5, 0.6])
    for name, seed, options, reason in (
        ("again", 0, {}, "two runs of the same recipe and seed"),
        ("other", 3, {"train": {"ema": 0.9}}, "no seed in common with the base"),
        ("short", 0, {"epochs": 3}, "is not finished"),
    ):
        with pytest.raises(RunFolderError, match=reason):
            table.compare([base, make_arm(name, seed, [0.5, 0.6], **options)], base)
    (base / "history.csv").write_text("epoch,accuracy\n1,0.5\n", encoding="utf-8")
    with pytest.raises(RunFolderError, match="cannot read its history"):
        table.compare([base], base)
