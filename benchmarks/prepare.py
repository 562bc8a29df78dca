"""How fast does `prepare` process a file like AmazonTitles', compared with `datasets` and pandas?

    python -m benchmarks.prepare [--rows 150000] [--rounds 3] [--json]        against datasets and pandas, interleaved
    python -m benchmarks.prepare --sizes 20000,200000,2248619 [--json]        ours alone, as the file grows

The file is from benchmarks.amazontitles. Each measurement is a separate process, from start to end, imports included.
The others do the usual cleaning: unescape, remove tags and double spaces, leave out empty and repeated rows, hold out a
tenth, write Parquet; `datasets` once with its defaults, once with a process for each core. Megabytes are of the file.
Memory is the process's peak plus the highest peak of a worker times the number of workers. The last line is JSON.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.amazontitles import lines

TAG = re.compile(r"<[^>]+>")


def tidy(text: str) -> str:
    """Clean a text in the usual way."""
    return " ".join(TAG.sub(" ", html.unescape(text)).split())


def shelftalk(source: Path, folder: Path) -> int:
    """Prepare the file as the command does."""
    from shelftalk.catalogue.settings import PrepareSettings
    from shelftalk.pipeline import prepare_catalogue
    from shelftalk.workspace import Workspace

    return int(prepare_catalogue(Workspace(folder), source, "full", PrepareSettings())["kept"])


def datasets(source: Path, folder: Path, processes: int | None = None) -> int:
    """Load, map and filter with Hugging Face's datasets."""
    from datasets import load_dataset
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    rows = load_dataset("json", data_files=str(source), split="train", cache_dir=str(folder / "cache"))
    rows = rows.remove_columns(["target_ind", "target_rel"])
    rows = rows.map(_tidied, num_proc=processes)
    seen: set[tuple[str, str]] = set()
    rows = rows.filter(_is_full, num_proc=processes)
    rows = rows.filter(partial(_is_new, seen))
    parts = rows.train_test_split(test_size=0.1, seed=42)
    for name, part in parts.items():
        part.to_parquet(str(folder / f"{name}.parquet"))
    return len(rows)


def datasets_processes(source: Path, folder: Path) -> int:
    """Run `datasets` with a process for each core."""
    return datasets(source, folder, os.cpu_count())


def pandas(source: Path, folder: Path) -> int:
    """Read, clean and write with pandas."""
    import pandas as pd

    rows = pd.read_json(source, lines=True, dtype={"uid": str})[["uid", "title", "content"]]
    for name in ("title", "content"):
        texts = rows[name].map(html.unescape).str.replace(TAG.pattern, " ", regex=True)
        rows[name] = texts.str.replace(r"\s+", " ", regex=True).str.strip()
    rows = rows[(rows["title"] != "") & (rows["content"] != "")].drop_duplicates(["title", "content"])
    held_out = rows.sample(frac=0.1, random_state=42)
    rows.drop(held_out.index).to_parquet(folder / "train.parquet")
    held_out.to_parquet(folder / "test.parquet")
    return len(rows)


def _tidied(row: dict[str, Any]) -> dict[str, Any]:
    return {"title": tidy(row["title"]), "content": tidy(row["content"])}


def _is_new(seen: set[tuple[str, str]], row: dict[str, Any]) -> bool:
    count = len(seen)
    seen.add((row["title"], row["content"]))
    return len(seen) > count


def _is_full(row: dict[str, Any]) -> bool:
    return bool(row["title"] and row["content"])


WAYS: dict[str, Callable[[Path, Path], int]] = {
    "shelftalk": shelftalk,
    "datasets": datasets,
    "datasets_processes": datasets_processes,
    "pandas": pandas,
}


def measure(way: str, source: Path) -> dict[str, Any]:
    """Run one way in a separate process; return its kept rows, seconds and memory."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        command = [sys.executable, "-m", "benchmarks.prepare", "--worker", way, str(source), folder]
        begin = os.times()
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        end = os.times()
    seconds = end.elapsed - begin.elapsed
    return {
        **json.loads(output.splitlines()[-1]),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(sum(end[2:4]) - sum(begin[2:4]), 2),
        "megabytes_per_second": round(source.stat().st_size / 1e6 / seconds, 1),
    }


def work(way: str, source: Path, folder: Path) -> dict[str, Any]:
    """Run one way in this process; return its kept rows and peak memory."""
    kept = WAYS[way](source, folder)
    own, workers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"kept": kept, "peak_mib": round((own + (os.cpu_count() or 1) * workers) / 1024)}


def compare(folder: Path, rows: int, rounds: int) -> dict[str, Any]:
    """Measure all ways alternately, `rounds` times, and return medians and ratios."""
    source = write(folder, rows)
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            found[way].append(measure(way, source))
            print(way, found[way][-1], file=sys.stderr)
    ratios = {
        f"over_{way}": [
            round(other["seconds"] / ours["seconds"], 2)
            for ours, other in zip(found["shelftalk"], found[way], strict=True)
        ]
        for way in list(WAYS)[1:]
    }
    return {
        "rows": rows,
        "megabytes": round(source.stat().st_size / 1e6, 1),
        **{name: statistics.median(values) for name, values in ratios.items()},
        "rounds": ratios,
        **{way: min(ones, key=lambda one: abs(one["seconds"] - _middle(ones))) for way, ones in found.items()},
    }


def grow(folder: Path, sizes: list[int]) -> dict[str, Any]:
    """Measure only shelftalk, at each size."""
    found = {}
    for rows in sizes:
        source = write(folder, rows)
        found[str(rows)] = {**measure("shelftalk", source), "megabytes": round(source.stat().st_size / 1e6, 1)}
        found[str(rows)]["microseconds_per_row"] = round(1e6 * found[str(rows)]["seconds"] / rows, 2)
        print(rows, found[str(rows)], file=sys.stderr)
        source.unlink()
    return found


def write(folder: Path, rows: int) -> Path:
    """Write the file with `rows` rows."""
    source = folder / "trn.json"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(lines(rows))
    return source


def _middle(ones: list[dict[str, Any]]) -> float:
    return float(statistics.median(one["seconds"] for one in ones))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", help="numbers of rows, comma-separated")
    parser.add_argument("--json", action="store_true", help="print nothing but the last line")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        way, source, folder = options.worker
        print(json.dumps(work(way, Path(source), Path(folder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        sizes = [int(one) for one in (options.sizes or "").split(",") if one]
        result = grow(Path(folder), sizes) if sizes else compare(Path(folder), options.rows, options.rounds)
    if not options.json:
        for name, one in result.items():
            print(f"{name}: {one}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
