"""The video of the studio has all scenes and captions, and plays to its end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.pipeline import BUNDLED, prepare_catalogue
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace
from tests.conftest import ROOT, write_catalogue_file
from tests.studio.conftest import measured, small_workspace
from tools.make_video import HEIGHT, RUN, WIDTH, make_video, scenes

CUE = re.compile(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})\n(.*)\n")
NAMES = ["data", "before", "training", "after", "evidence", "report", "scale"]


def seconds(hours: str, minutes: str, rest: str) -> float:
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_each_of_the_seven_scenes_has_a_title_and_captions_in_both_languages(language: str) -> None:
    found, english = scenes(language), scenes("en")
    assert [scene.name for scene in found] == NAMES
    assert [len(scene.captions) for scene in found] == [len(scene.captions) for scene in english]
    assert all(scene.title and 5 < len(caption.split()) < 25 for scene in found for caption in scene.captions)


def test_a_run_of_the_user_with_the_name_of_the_videos_own_is_not_deleted(tmp_path: Path) -> None:
    run = tmp_path / "workspace" / "runs" / RUN
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    with pytest.raises(SystemExit, match="has a run 'video'"):
        make_video(tmp_path / "workspace", "demo", "en", 1, tmp_path / "video")
    assert run.is_dir() and not (tmp_path / "video").exists()


@pytest.mark.browser
def test_the_video_plays_to_its_end(chromium: str, tiny_run: Run, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install -e '.[dev]'")
    shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace")
    workspace: Workspace = small_workspace(tmp_path / "workspace")
    # In place of the bundled one, which is so many tokens of the tiny model that its layers would be compiled first.
    prepare_catalogue(workspace, write_catalogue_file(tmp_path / "many.jsonl", 1000), BUNDLED, PrepareSettings())
    for catalogue in workspace.catalogues():
        measured(workspace, catalogue)
    options = ["--workspace", str(workspace.root), "--run", "pegs", "--language", "pt-BR", "--pace", "0.02"]
    subprocess.run(
        [sys.executable, "-m", "tools.make_video", *options, "--to", str(tmp_path / "video")],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=True,
    )
    cues = CUE.findall((tmp_path / "video" / "shelftalk-pt-BR.vtt").read_text(encoding="utf-8"))
    assert [cue[-1] for cue in cues] == [caption for scene in scenes("pt-BR") for caption in scene.captions]
    bounds = [(seconds(*cue[:3]), seconds(*cue[3:6])) for cue in cues]
    assert all(start < end for start, end in bounds) and bounds == sorted(bounds)
    bars = []
    with av.open(str(tmp_path / "video" / "shelftalk-pt-BR.webm")) as container:
        (stream,) = container.streams.video
        assert (stream.codec_context.name, stream.width, stream.height) == ("vp9", WIDTH, HEIGHT)
        for frame in container.decode(stream):
            foot = frame.to_ndarray(format="gray")[-12:-4]
            bars.append((float(frame.time), float(foot.mean())))
    times = [time for time, _ in bars]
    assert times == sorted(times) and times[-1] > bounds[-1][0] - 1
    for start, end in bounds[1:]:
        shown = [light for time, light in bars if time <= end][-1]
        assert shown < 60, f"no caption at {start} to {end} s"
    assert "video" not in workspace.runs()
