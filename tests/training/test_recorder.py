"""Test the records of a training: state with a heartbeat, speeds, and metrics without times."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState

from shelftalk.records import no_progress
from shelftalk.runs.metrics import read_newest_metrics
from shelftalk.runs.run import Run
from shelftalk.runs.state import read_state
from shelftalk.training.recorder import Recorder
from shelftalk.training.state import RunState
from tests.conftest import TINY_SETTINGS

TOKENS = [100, 100, 400, 100, 100]  # one update costs four times the others


def make_recorder(folder: Path, first_step: int = 0) -> Recorder:
    return Recorder(folder, TINY_SETTINGS, 20, TOKENS, first_step, RunState(folder), no_progress)


def end_step(recorder: Recorder, step: int) -> TrainerControl:
    control = TrainerControl()
    recorder.on_step_end(None, TrainerState(global_step=step, max_steps=len(TOKENS)), control)
    return control


def test_speed_counts_tokens_not_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("shelftalk.training.recorder.time.monotonic", lambda: now[0])
    recorder = make_recorder(tmp_path)
    for step, seconds in enumerate([60, 10, 40], start=1):  # the first one is slow, because of the warm-up
        now[0] += seconds
        end_step(recorder, step)
        if step == 1:
            assert recorder.state.values["tokens_per_second"] is None
    assert recorder.state.values["step"] == 3
    assert recorder.state.values["tokens_per_second"] == 10.0
    assert recorder.state.values["seconds_per_step"] == 25.0
    assert recorder.state.values["seconds_left"] == 20.0


def test_a_requested_stop_saves_and_ends(tmp_path: Path) -> None:
    recorder = make_recorder(tmp_path)
    assert not end_step(recorder, 1).should_training_stop
    recorder.state.stop_asked = True
    control = end_step(recorder, 2)
    assert control.should_training_stop
    assert control.should_save


def test_updates_that_will_be_made_again_leave_the_metrics(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    make_recorder(tmp_path, first_step=2)
    assert metrics.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_the_metrics_are_json_and_nothing_else(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text('{"step": 1}\n{"step": 2, "loss": NaN}\n{"step": 3, "loss": -Infinity}\n')
    recorder = make_recorder(tmp_path, first_step=3)  # a run of an earlier version goes on
    assert metrics.read_text() == '{"step": 1}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        recorder.on_log(None, TrainerState(global_step=4), TrainerControl(), {"eval_loss": float("nan")})
    assert metrics.read_text() == '{"step": 1}\n'


def test_lines_that_are_no_objects_leave_the_metrics(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("\n".join(['{"step": 1}', "[]", "7", '{"step": "x"}', "[" * 200_000, '{"step": 2}', ""]))
    make_recorder(tmp_path, first_step=2)
    assert metrics.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_the_heartbeat_is_written_while_nothing_else_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shelftalk.training import state as state_module

    assert state_module.HEARTBEAT <= 5
    monkeypatch.setattr(state_module, "HEARTBEAT", 0.05)
    with RunState(tmp_path) as state:
        first = read_state(tmp_path)
        assert (first["status"], first["process_id"]) == ("queued", os.getpid())
        state.update(step=7)
        deadline = time.monotonic() + 10
        while read_state(tmp_path)["updated"] == first["updated"] or read_state(tmp_path)["step"] != 7:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    last = read_state(tmp_path)
    time.sleep(0.2)
    assert read_state(tmp_path) == last


def test_a_write_error_of_the_state_does_not_end_the_training(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with RunState(tmp_path / "run") as state:
        state.become("running")
    assert read_state(tmp_path / "run") == {}


def test_a_finished_run_says_so_and_keeps_times_out_of_the_metrics(tiny_run: Run) -> None:
    state = read_state(tiny_run.folder)
    assert state["status"] == "finished"
    assert state["step"] == state["steps"] > 0
    assert state["tokens_per_second"] > 0
    assert (state["device"], state["error"], state["seconds_left"]) == ("cpu", None, None)
    assert set(read_newest_metrics(tiny_run.folder)) == {"step", "epoch", "loss", "gradient_norm", "learning_rate"}
