"""Interrupt every command that writes into a run at every file operation, and see what is left.

    python tests/fault_injection/all_points.py                  all points: some 1,800 tries of 0.2 s
    python tests/fault_injection/all_points.py --every 10       a sample
    python tests/fault_injection/all_points.py --only train -v  what did not survive, one line each

A try survives when the run is not refused, nothing old is gone, no old result is mixed with a new one, and the same
command (``train --resume`` for one that trains), given again, ends well and leaves a run that is whole. "Left over" are
tries that survived with hidden files in the run that nothing removes.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import jobs
from faults import KINDS, Faults

_ENDED_WELL, _FAILED = 0, 1
_LEFT_OVER = "left over"


def in_child(function: Callable[[], int | None]) -> tuple[int, str]:
    """Run a function in a child process; its exit code and the last line of what it said of its error."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if not child:
        code, text = _ENDED_WELL, io.StringIO()
        sys.stdout = sys.stderr = text
        try:
            code = function() or _ENDED_WELL
        except BaseException:
            code = _FAILED
            traceback.print_exc()
        writer.send((text.getvalue().strip().splitlines() or [""])[-1])
        os._exit(code)
    writer.close()
    _, status = os.waitpid(child, 0)
    try:
        text = reader.recv()
    except EOFError:
        text = "killed"
    return os.waitstatus_to_exitcode(status), text


def count_operations(job: jobs.Job, prepared: Path) -> int:
    """How many operations the command takes when nothing happens."""
    root = jobs.copy_prepared(prepared)
    reader, writer = multiprocessing.Pipe(duplex=False)

    def count() -> int:
        with Faults(root) as faults:
            code = job.do(root) or 0
        writer.send(faults.count)
        return code

    code, text = in_child(count)
    shutil.rmtree(root.parent)
    if code:
        raise SystemExit(f"{job.name} fails by itself: {text}")
    return reader.recv()


def try_point(job: jobs.Job, prepared: Path, kind: str, at: int) -> str:
    """Interrupt at one operation; empty when everything survived, else what did not."""
    root = jobs.copy_prepared(prepared)

    def interrupted() -> int:
        with Faults(root, kind, at):
            return job.do(root) or 0

    try:
        in_child(interrupted)
        for name, step in (
            ("after it", lambda: job.check(root, False)),
            ("again", lambda: job.do(root)),
            ("in the end", lambda: job.check(root, True)),
        ):
            if name == "again" and _is_finished(job, root):
                continue
            code, text = in_child(step)
            if code:
                return f"{name}: {text or f'exit code {code}'}"
        left = jobs.find_left_over(root)
        return f"{_LEFT_OVER}: {', '.join(left)}" if left else ""
    finally:
        shutil.rmtree(root.parent, ignore_errors=True)


def _is_finished(job: jobs.Job, root: Path) -> bool:
    """A new run that the interrupted command has brought to its end is not begun again."""
    if not job.makes_run or not (root / jobs.NAME).exists():
        return False
    code, _ = in_child(lambda: jobs.RunFolder.open(root / jobs.NAME).verify())
    return code == _ENDED_WELL


def points(job: jobs.Job, prepared: Path, every: int) -> Iterator[tuple[str, int]]:
    """Kinds of fault and numbers of operations; a sample is the same each time."""
    total = count_operations(job, prepared)
    for place, kind in enumerate(KINDS):
        for at in range(1 + place % every, total + 1, every):
            yield kind, at


def run_job(job: jobs.Job, every: int = 1) -> Iterator[tuple[str, int, str]]:
    """Yield kind, operation and what did not survive, for each try."""
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        prepared = Path(folder) / "prepared"
        prepared.mkdir()
        code, text = in_child(lambda: (jobs.patch_everything(), job.prepare(prepared))[0])
        if code:
            raise SystemExit(f"{job.name} cannot be prepared: {text}")
        for kind, at in points(job, prepared, every):
            yield kind, at, try_point(job, prepared, kind, at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="Try every N-th operation.")
    parser.add_argument("--only", choices=[job.name for job in jobs.JOBS], action="append")
    parser.add_argument("-v", "--verbose", action="store_true", help="Name what did not survive.")
    options = parser.parse_args()
    jobs.patch_everything()
    print(f"| command | {' | '.join(KINDS)} | {_LEFT_OVER} |\n|---|{'---|' * len(KINDS)}---|")
    bad = 0
    for job in jobs.JOBS:
        if options.only and job.name not in options.only:
            continue
        tried: Counter = Counter()
        survived: Counter = Counter()
        left_over = 0
        for kind, at, problem in run_job(job, options.every):
            tried[kind] += 1
            left_over += problem.startswith(_LEFT_OVER)
            survived[kind] += not problem or problem.startswith(_LEFT_OVER)
            bad += bool(problem)
            if problem and options.verbose:
                print(f"{job.name}, {kind} at {at}: {problem[:300]}", file=sys.stderr)
        cells = [f"{survived[kind]} of {tried[kind]}" for kind in KINDS]
        print(f"| {job.name} | {' | '.join(cells)} | {left_over} |", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
