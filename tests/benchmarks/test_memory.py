"""The benchmark of memory, on a few small photographs."""

import json
import sys

import memory as script
import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RssAnon is Linux's")
def test_every_stage_is_measured_by_itself(tmp_path, capsys, monkeypatch):
    script.main(["40", "--image-size", "48", "--folder", str(tmp_path), "--json"])
    row = json.loads(capsys.readouterr().out)
    assert row["photographs"] == 40
    phases = {stage: set(row[stage]["peaks_mb"]) for stage in script.STAGES}
    assert {"prepare", "gate"} <= phases["prepare"]
    assert {"load", "train"} <= phases["train"]
    assert {"load", "evaluate"} <= phases["evaluate"]
    assert all(peak > 0 for stage in script.STAGES for peak in row[stage]["peaks_mb"].values())
    assert list(tmp_path.iterdir()) == []
