"""Results take their place whole; a crash anywhere leaves the old ones or the new ones, and a run that opens."""

import contextlib
import json
import os
import shutil

import pytest

from fer_keras import atomic_files
from fer_keras.atomic_files import write_json, write_text
from fer_keras.errors import ModelFileError, RunFolderError
from fer_keras.runs import switch
from fer_keras.runs.manifest import JOURNAL
from fer_keras.runs.run_folder import RunFolder

OLD, NEW = {"a.txt": "old a", "gone.txt": "old b"}, {"a.txt": "new a", "sub/c.txt": "new c"}


class Crash(BaseException):
    """The end of the process, as far as a test can have it."""


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    for path in (folder.recipe, folder.model, folder.run_json):
        write_text(path, path.name)
    folder.write_manifest()
    publish(folder, OLD, "old")
    return folder


def publish(run, files, calibration):
    with run.publish(run.exports) as stage:
        for name, text in files.items():
            write_text(stage.exports / name, text)
        write_json(stage.calibration, {"of": calibration})


def content(run):
    files = {path.relative_to(run.exports).as_posix(): path.read_text() for path in run.exports.rglob("*.txt")}
    return files, json.loads(run.calibration.read_text())["of"]


def test_a_folder_is_replaced_as_a_whole_and_a_file_by_its_name(run):
    publish(run, NEW, "new")
    assert content(run) == (NEW, "new")
    run.verify()
    assert not [path.name for path in run.path.iterdir() if path.name.startswith(".")]


def test_other_results_keep_their_sums_also_when_they_are_damaged(run):
    (run.exports / "a.txt").write_text("damaged")
    with run.publish() as stage:
        write_text(stage.evaluation("test") / "metrics.json", "{}")
    run.check(run.evaluation("test"))
    with pytest.raises(ModelFileError, match=r"exports/a\.txt differs"):
        run.check(run.exports)


class Operations:
    """Counts what changes the disk, and fails or ends at the n-th."""

    NAMES = ("replace", "rename", "mkdir", "rmdir", "unlink", "fsync", "open", "chmod")

    def __init__(self, monkeypatch, stop, error):
        self.count, self.stop, self.error = 0, stop, error
        for name in self.NAMES:
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))
        real = atomic_files.exchange
        monkeypatch.setattr(switch, "exchange", self.counted(real) if stop % 2 else lambda *_: False)

    def counted(self, function):
        def call(*arguments, **options):
            self.count += 1
            if self.count >= self.stop:
                raise self.error
            return function(*arguments, **options)

        return call


def interrupt(run, monkeypatch, stop, error) -> bool:
    """Publish with the end of everything at operation ``stop``; whether it came that far."""
    with monkeypatch.context() as patch:
        operations = Operations(patch, stop, error)
        with contextlib.suppress(Crash, RunFolderError, OSError):
            publish(run, NEW, "new")
        return operations.count >= stop


@pytest.mark.parametrize("error", [Crash(), OSError(28, "No space left on device")], ids=["end", "full"])
def test_a_crash_at_any_operation_leaves_the_old_or_the_new(run, monkeypatch, tmp_path, error):
    whole, stop, seen = tmp_path / "whole", 1, set()
    run.path.rename(whole)
    while True:
        shutil.rmtree(run.path, ignore_errors=True)
        shutil.copytree(whole, run.path)
        if not interrupt(run, monkeypatch, stop, error):
            break
        run.verify()  # a reader that must not write
        RunFolder.open(run.path).verify()
        found = content(run)
        assert found in ((OLD, "old"), (NEW, "new")), f"operation {stop}"
        seen.add(found[1])
        publish(run, OLD, "again")
        run.verify()
        assert content(run) == (OLD, "again")
        assert not [path.name for path in run.path.iterdir() if path.name.startswith(".")]
        stop += 1
    assert seen == {"old", "new"}
    assert stop > 30, "operations that were tried"


def test_a_reader_beside_a_writer_never_sees_damage(run):
    import threading

    done = threading.Event()

    def write():
        for number in range(30):
            publish(run, NEW if number % 2 else OLD, str(number))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    readings = 0
    while not done.is_set():
        run.verify()
        readings += 1
    writer.join()
    assert readings


def test_writers_beside_each_other_lose_nothing(run):
    """An evaluation beside an export: both end well, and the run holds both."""
    import threading

    def write(split):
        for number in range(10):
            with run.publish(run.evaluation(split)) as stage:
                write_text(stage.evaluation(split) / "metrics.json", f"{split} {number}")

    writers = [threading.Thread(target=write, args=(split,)) for split in ("train", "validation", "test")]
    for writer in writers:
        writer.start()
    publish(run, NEW, "new")
    for writer in writers:
        writer.join()
    run.verify()
    assert content(run) == (NEW, "new")
    for split in ("train", "validation", "test"):
        assert (run.evaluation(split) / "metrics.json").read_text() == f"{split} 9"


def test_something_in_the_way_is_not_moved(run):
    shutil.rmtree(run.exports)
    run.exports.write_text("somebody's file")
    with pytest.raises(RunFolderError, match="in the way"):
        publish(run, NEW, "new")
    assert run.exports.read_text() == "somebody's file"
    assert not (run.path / JOURNAL).exists()


def test_opening_a_run_clears_up_what_a_killed_command_left(run):
    for name in (".switch/new/exports/a.txt", ".dropped-checkpoint/latest.npz", ".lock"):
        write_text(run.path / name, "left")
    RunFolder.open(run.path).verify()
    assert not [path.name for path in run.path.iterdir() if path.name.startswith(".")]
    assert content(run) == (OLD, "old")


def test_a_block_may_open_its_run_and_not_publish_into_it_again(run):
    with run.publish(run.exports) as stage:
        write_text(stage.exports / "a.txt", "new a")
        RunFolder.open(run.path).check(run.exports)
        with pytest.raises(RuntimeError, match="one within another"), run.publish():
            pass
    assert content(run) == ({"a.txt": "new a"}, "old")
    run.verify()


def test_links_of_the_switch_lead_nowhere(run, tmp_path):
    away = tmp_path / "away"
    write_text(away / "new" / "exports" / "a.txt", "stranger")
    write_text(away / "journal.json", "{}")
    (run.path / switch.SWITCH).symlink_to(away)
    (run.path / f"{switch.WORK}x").symlink_to(away)
    with pytest.raises(ModelFileError, match="is a link"):
        run.verify()
    publish(run, NEW, "new")
    assert content(run) == (NEW, "new")
    assert sorted(path.name for path in away.rglob("*")) == ["a.txt", "exports", "journal.json", "new"]


def test_what_was_made_for_long_is_removed_with_its_process(run):
    abandoned = run.path / f"{switch.WORK}abandoned"
    abandoned.mkdir()
    with run.workspace() as work:
        write_text(work / "a.txt", "made")
        publish(run, NEW, "new")
        assert (work / "a.txt").exists(), "its owner lives"
        assert not abandoned.exists()
    assert not [path for path in run.path.iterdir() if path.name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_still_read(run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(switch, "_put_in_place", lambda *_: (_ for _ in ()).throw(Crash()))
        with pytest.raises(Crash):
            publish(run, NEW, "new")
    assert (run.path / JOURNAL).exists()
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "lock", lambda *_, **__: (_ for _ in ()).throw(RunFolderError("read-only")))
        RunFolder.open(run.path).verify()
    RunFolder.open(run.path)
    assert content(run) == (NEW, "new")


def test_a_new_run_appears_whole_or_not_at_all(tmp_path):
    run = RunFolder(tmp_path / "run")
    with pytest.raises(Crash), run.appear() as draft:
        write_text(draft.recipe, "recipe")
        raise Crash
    assert list(tmp_path.iterdir()) == []
    with run.appear() as draft:
        write_text(draft.recipe, "recipe")
        assert not run.path.exists()
    assert run.recipe.read_text() == "recipe"
    with pytest.raises(RunFolderError, match="exists already"), run.appear():
        pass
