"""One process or thread at a time writes into a run, and the end of a process frees it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from fer_keras.errors import RunFolderError
from fer_keras.runs import lock
from fer_keras.runs.lock import LOCK, locked

HOLD = """
import sys, time
from pathlib import Path
from fer_keras.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of ``tmp_path``."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_another_process_is_refused_and_the_holder_named(holder, tmp_path):
    refused = pytest.raises(RunFolderError, match=rf"is in use by process {holder.pid} on .* since .*")
    with refused, locked(tmp_path, patience=0):
        pass


def test_the_end_of_the_holder_frees_it_however_it_ends(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).exists(), "what a killed process leaves behind"
    with locked(tmp_path, patience=0):
        pass


def test_a_command_that_only_writes_its_result_waits_and_says_for_whom(holder, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(lock, "_SAID_AFTER", 0.0)
    threading.Timer(0.5, holder.kill).start()
    with locked(tmp_path, patience=30):
        pass
    assert f"in use by process {holder.pid}" in caplog.text


def test_the_same_thread_takes_it_again_another_thread_does_not(tmp_path):
    errors = []

    def other():
        try:
            with locked(tmp_path, patience=0):
                pass
        except RunFolderError as error:
            errors.append(str(error))

    with locked(tmp_path), locked(tmp_path, patience=0):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "in use by process" in errors[0]
    with locked(tmp_path, patience=0):
        pass


def test_nothing_is_left_behind(tmp_path):
    with locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("text")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(RunFolderError, match="cannot write into"), locked(tmp_path / "run"):
        pass
    assert (tmp_path / "precious").read_text() == "text"


def test_a_disk_without_locks_is_said_and_used(tmp_path, monkeypatch, caplog):
    import fcntl

    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path):
        pass
    assert "knows no locks" in caplog.text


def test_many_threads_lose_no_step(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")

    def add():
        for _ in range(20):
            with locked(tmp_path, patience=60):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "80"
