"""The benchmark of optimizers' steps, on a narrow network."""

import optimizer_step as script

from fer_keras.recipe.recipe import make_recipe


def test_every_optimizer_takes_steps_that_are_timed(monkeypatch):
    taken = []
    original = script.make_step

    def counted(recipe, optimizer):
        step = original(recipe, optimizer)
        return lambda: taken.append(optimizer) or step()

    monkeypatch.setattr(script, "make_step", counted)
    recipe = {"model": {"name": "cnn", "width": 8}, "augmentation": {"crop": 0.5}, "train": {"batch_size": 4}}
    found = script.measure(make_recipe(recipe), rounds=2)
    assert list(found) == list(script.OPTIMIZERS)
    assert min(found.values()) > 0
    assert [int(optimizer.iterations) for optimizer in taken] == [4] * 12  # two of warm-up, in turns
    assert taken[:3] == taken[3:6] == taken[9:]
