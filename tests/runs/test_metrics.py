"""Reading metrics while a run trains: complete lines only, thinned for a curve, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from shelftalk.runs.metrics import SAMPLES, read_metrics, read_newest_metrics, read_samples


def test_newest_metrics_are_the_last_whole_line(tmp_path: Path) -> None:
    assert read_newest_metrics(tmp_path) == {}
    lines = [json.dumps({"step": step, "loss": 1 / step}) for step in range(1, 500)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 500')
    assert read_newest_metrics(tmp_path) == {"step": 499, "loss": 1 / 499}


def test_readers_take_whole_lines_only_and_never_raise(tmp_path: Path) -> None:
    assert read_samples(tmp_path) == read_metrics(tmp_path) == []
    for name in (SAMPLES, "metrics.jsonl"):
        (tmp_path / name).write_bytes(b'{"step": 1, "text": "a\\u2028b"}\nspoilt \xff\n{"step": 2}\n{"step": 3')
    assert read_samples(tmp_path) == read_metrics(tmp_path) == [{"step": 1, "text": "a\u2028b"}, {"step": 2}]


def test_a_long_curve_is_thinned_evenly_and_keeps_its_validations(tmp_path: Path) -> None:
    lines: list[dict[str, float]] = []
    for step in range(1, 1001):
        lines.append({"step": step, "loss": 1 / step})
        if step % 2 == 0:  # every second line is a validation: a fixed stride could select only these
            lines.append({"step": step, "validation_loss": 2 / step})
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 1001')
    assert read_metrics(tmp_path) == read_metrics(tmp_path, 1000) == lines
    thinned = read_metrics(tmp_path, 101)
    assert [line for line in thinned if "validation_loss" in line] == [
        line for line in lines if "validation_loss" in line
    ]
    steps = [line["step"] for line in thinned if "loss" in line]
    assert (len(steps), steps[0], steps[-1]) == (101, 1, 1000)
    assert {after - before for before, after in pairwise(steps)} == {9, 10}
    assert [line["step"] for line in read_metrics(tmp_path, 1) if "loss" in line] == [1, 1000]


def test_watching_loads_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from shelftalk.runs.metrics import read_metrics, read_samples\n"
        "assert read_metrics(Path(sys.argv[1]), 5) == read_samples(Path(sys.argv[1])) == []\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)
