"""Scores of calibrated runs beside those of runs without calibration."""

import json

from fer_keras.comparison import compare_runs, describe
from fer_keras.comparison.tables import score_table


def test_nll_and_ece_before_and_after(make_run):
    runs = [make_run("plain", range(10)), make_run("calibrated", range(5, 40))]
    path = runs[1].evaluation("test") / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["calibrated"] = {"temperature": 1.5, "nll": 0.111, "ece": 0.0222, "uncertain": {"threshold": None}}
    path.write_text(json.dumps(metrics))
    runs[1].write_manifest()
    table = score_table(describe(compare_runs([run.path for run in runs])), "none")
    ece = table.head.index("ECE")
    assert "→" not in table.rows[0][ece]
    assert table.rows[1][ece].endswith("→ 0.022")
    assert table.rows[1][table.head.index("NLL")].endswith("→ 0.111")
    assert any("temperature 1 → calibrated" in text for text, _ in table.notes)
