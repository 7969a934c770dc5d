"""Videos of any length in constant memory."""

import csv
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from composed_pictures import compose
from video_files import BrightnessPredictor, PatchDetector, picture, write_video

from fer_keras.inference.video.predict import predict_video


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path):
    """NumPy's and Python's memory, so that a frame or row that is kept shows; codecs have buffers of fixed size."""
    frames = [picture((10 + at, 20, 120)) for at in range(40)]
    peaks = []
    for repeats in (1, 4):
        path = write_video(tmp_path / f"{repeats}.mp4", frames * repeats)
        predictor = BrightnessPredictor(PatchDetector())
        tracemalloc.start()
        predict_video(path, predictor, csv=tmp_path / "rows.csv", annotate=tmp_path / "copy.mp4")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.15 * peaks[0] + 200_000


TEN_MINUTES = """
import re, sys
from pathlib import Path
from fer_keras_cli.main import run
code = run(["predict", *sys.argv[1:]])
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory of a process is read from /proc")
def test_ten_minutes_through_the_command_line_stay_under_600_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    shifts = rng.integers(0, 20, (40, 2))
    frames = [compose([(80 + int(left), 40 + int(top))], size=(320, 240)) for left, top in shifts]
    path = write_video(tmp_path / "long.mp4", frames * 75, fps=5.0)
    rows = tmp_path / "rows.csv"
    words = [str(path), "--csv", str(rows), "--output", str(tmp_path / "marked")]
    result = subprocess.run([sys.executable, "-c", TEN_MINUTES, *words], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    peak = int(result.stderr.split()[-1]) / 1024  # kB -> MB
    with rows.open(newline="") as file:
        times = [float(row["timestamp"]) for row in csv.DictReader(file)]
    assert times[-1] == pytest.approx(600 - 1 / 5)
    assert len(times) >= 3000
    assert (tmp_path / "marked" / "long.mp4").stat().st_size > 10_000
    assert peak < 600
