"""Reading metrics while a run trains: complete lines only, thinned for a curve, without torch."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from shelftalk.runs.metrics import (
    SAMPLES,
    TrainingLoss,
    Validation,
    read_metrics,
    read_newest_metrics,
    read_samples,
    read_training_loss,
    read_validation,
    read_warnings,
)


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


def test_the_best_validation_is_compared_with_the_base_models(tmp_path: Path) -> None:
    assert read_validation(tmp_path) is None

    def written(losses: dict[int, float]) -> Validation | None:
        lines = [{"step": 1, "loss": 0.1}, *({"step": step, "validation_loss": loss} for step, loss in losses.items())]
        (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return read_validation(tmp_path)

    assert written({0: 2.0}) is None  # nothing to compare yet
    assert written({10: 1.0}) is None  # a run of an earlier version
    found = written({0: 2.0, 10: 1.5, 20: 1.25, 30: 1.25})
    assert found == Validation(before=2.0, best=1.25, step=20) and found.better
    worse = written({0: 2.0, 10: 2.5})
    assert (
        worse
        and not worse.better
        and "2.000 before training, and 2.500 at best" in worse.never_better("its base model")
    )


def test_watching_loads_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from shelftalk.runs.metrics import read_metrics, read_samples\n"
        "assert read_metrics(Path(sys.argv[1]), 5) == read_samples(Path(sys.argv[1])) == []\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


def write_losses(folder: Path, losses: list[float]) -> TrainingLoss | None:
    lines = [{"step": step, "loss": loss} for step, loss in enumerate(losses, start=1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_training_loss(folder)


def test_the_last_tenth_of_the_updates_is_compared_with_the_first(tmp_path: Path) -> None:
    assert read_training_loss(tmp_path) is None
    assert write_losses(tmp_path, [3.0]) is None
    found = write_losses(tmp_path, [4.8, 39.0, 31.0])  # at most half of them: one at each end
    assert found == TrainingLoss(4.8, 31.0) and not found.fell
    assert "it was 4.800 over its first updates, and 31.000 over its last" in found.did_not_fall("its base model")
    assert write_losses(tmp_path, [2.0, 2.0, 2.0, 9.0, 1.0, 1.0, 1.0]) == TrainingLoss(2.0, 1.0)  # at least three
    # One hard update at the end decides nothing.
    found = write_losses(tmp_path, [3.0] * 10 + [1.0] * 80 + [1.0] * 9 + [5.0])
    assert found == TrainingLoss(3.0, 1.4) and found.fell
    found = write_losses(tmp_path, [2.0] * 20)
    assert found and not found.fell


def test_figures_of_an_earlier_version_that_are_not_finite_break_no_reader(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 0, "validation_loss": 2.0}\n{"step": 1, "loss": 4.8, "gradient_norm": 1.0}\n'
        '{"step": 2, "loss": NaN, "gradient_norm": Infinity}\n{"step": 2, "validation_loss": NaN}\n'
        '{"step": 3, "loss": NaN, "gradient_norm": -Infinity}\n'
    )
    assert read_newest_metrics(tmp_path) == {"step": 3}
    assert [sorted(line) for line in read_metrics(tmp_path)[2:]] == [["step"]] * 3
    assert read_metrics(tmp_path, 2)[-1] == {"step": 3}
    assert read_validation(tmp_path) is None
    loss = read_training_loss(tmp_path)
    assert loss and not loss.fell
    (warning,) = read_warnings(tmp_path, "its base model")
    assert "4.800 over its first updates, and not a finite number over its last" in warning


def test_only_a_loss_that_is_not_finite_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "loss": 4.8, "gradient_norm": NaN}\n{"step": 2, "loss": 3.1, "gradient_norm": 1.0}\n'
    )
    assert read_training_loss(tmp_path) == TrainingLoss(4.8, 3.1)


def test_a_lower_rate_is_the_cure_only_where_the_loss_rose() -> None:
    assert "Train another run with a lower learning_rate." in TrainingLoss(4.8, 31.0).did_not_fall("its base model")
    assert "Train another run with a lower learning_rate." in TrainingLoss(4.8, math.inf).did_not_fall("its base model")
    hardly = TrainingLoss(5.588, 5.595).did_not_fall("its base model")
    assert "Train another run with another learning_rate, or for longer." in hardly


def test_held_out_products_decide_where_the_training_loss_did_not_fall(tmp_path: Path) -> None:
    write_losses(tmp_path, [5.33, 5.345])
    assert len(read_warnings(tmp_path, "its base model")) == 1
    for after, warnings in ((5.28, 0), (5.3, 2)):
        write_losses(tmp_path, [5.33, 5.345])
        with (tmp_path / "metrics.jsonl").open("a") as file:
            file.writelines(
                json.dumps({"step": step, "validation_loss": loss}) + "\n" for step, loss in ((0, 5.29), (2, after))
            )
        assert len(read_warnings(tmp_path, "its base model")) == warnings
