"""Measure the gate on a data set that is prepared already: seconds, and memory over what the faces themselves take.

    python benchmarks/quality.py fer2013.csv

Prints the peak resident memory of the process before the check (TensorFlow and the loaded faces) and after it.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import replace

from fer_keras.datasets import load_faces
from fer_keras.datasets.quality.gate import check_quality


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="what --data takes")
    dataset = load_faces(parser.parse_args().data, check=False)
    dataset = replace(dataset, folder=None)  # the copies that were found before are not taken
    print(f"{dataset.name}: {sum(map(len, dataset.splits.values())):,} faces, peak {peak_mb():,.0f} MB after loading")
    seconds, processor = time.perf_counter(), time.process_time()
    report = check_quality(dataset)
    seconds, processor = time.perf_counter() - seconds, time.process_time() - processor
    print(f"check: {seconds:.1f} s ({processor:.1f} s of processor time), peak {peak_mb():,.0f} MB after it")
    print(report.verdict)
    for name, value in report.copies.items():
        print(f"  {name}: {value:,}")


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB (ru_maxrss is in KiB, on macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
