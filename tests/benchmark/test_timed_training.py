"""The clock of a training against a clock of our own."""

import pytest

from fer_keras.benchmark.timed_training import Stopped, TrainingClock


class Fake:
    """Time that passes only when told to."""

    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def fake():
    return Fake()


def train(clock, fake, scores, *, steps=4, first=(1,), validation=7.0):
    """Epochs of ``steps`` steps of one second; the first step of a phase takes 30."""
    for epoch, score in enumerate(scores, start=1):
        for step in range(1, steps + 1):
            fake.time += 30.0 if step == 1 and epoch in first else 1.0
            clock.on_step(epoch, step, steps, {})
        fake.time += validation
        clock.on_epoch({"epoch": epoch, "val_accuracy": score}, True)


def test_each_kind_of_time_is_added_up_apart(fake):
    clock = TrainingClock(0.9, now=fake)
    train(clock, fake, [0.3, 0.5, 0.4])
    assert (clock.start_seconds, clock.training_seconds, clock.validation_seconds) == (30.0, 11.0, 21.0)
    assert clock.steps == 12
    assert clock.steps_per_second == 1.0
    assert clock.curve[1] == {"epoch": 2, "steps": 8, "training_seconds": 7.0, "val_accuracy": 0.5}


def test_the_first_step_of_a_second_phase_compiles_too(fake):
    clock = TrainingClock(0.9, first_epochs={1, 3}, now=fake)
    train(clock, fake, [0.3, 0.5, 0.4], first=(1, 3))
    assert (clock.start_seconds, clock.training_seconds) == (60.0, 10.0)


def test_a_training_ends_at_the_first_epoch_that_reaches_the_target(fake):
    clock = TrainingClock(0.5, now=fake)
    with pytest.raises(Stopped, match="^target$"):
        train(clock, fake, [0.3, 0.5, 0.9])
    assert (len(clock.curve), clock.steps) == (2, 8)


def test_a_training_is_given_up_after_its_epochs(fake):
    with pytest.raises(Stopped, match="^max_epochs$"):
        train(TrainingClock(0.9, max_epochs=2, now=fake), fake, [0.3, 0.5, 0.95])


def test_a_training_is_given_up_after_its_seconds_of_steps(fake):
    clock = TrainingClock(0.9, max_seconds=5.0, now=fake)
    with pytest.raises(Stopped, match="^max_seconds$"):
        train(clock, fake, [0.3, 0.5])
    assert clock.training_seconds == 5.0  # neither the 30 of the first step nor the 7 of validation count
    assert clock.steps == 6


def test_what_the_listener_takes_counts_for_nothing(fake):
    def slow(row):
        fake.time += 1000.0

    clock = TrainingClock(0.9, on_epoch_end=slow, now=fake)
    train(clock, fake, [0.3, 0.5])
    assert (clock.start_seconds, clock.training_seconds, clock.validation_seconds) == (30.0, 7.0, 14.0)


def test_no_step_no_speed(fake):
    assert TrainingClock(0.9, now=fake).steps_per_second is None
