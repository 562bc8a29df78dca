"""How fast does shelftalk write, compared with transformers and with llama.cpp alone?

    python -m benchmarks.generation --json
    python -m benchmarks.generation --parts cold,lookup

On Gemma 3 270M and a run of it (--workspace and --run; otherwise one is trained on 64 products), at temperature 0, in
interleaved rounds:

    transformers     one title after the other, fp32, the tuned model: the usual code in a notebook
    transformers16   the same in bf16 (only reported)
    llamacpp         llama.cpp alone, through xllamacpp as documented: the published GGUF, no adapter, one stream
    stream           shelftalk's default engine, the tuned model, one stream
    batch            shelftalk's `complete_all`, the tuned model, 16 slots

Speeds are tokens of text a second, from the requests to the last token; each model ends its own texts, at most after
--tokens. The batch is compared in descriptions an hour. Also reported: the share of its texts that are identical to
those written one at a time, and the time to the first token with a loaded model. Medians of --rounds, after one warm-up
round.

Two more parts: `cold` is `shelftalk ask` in a new process, whose files exist. `lookup` is llama.cpp alone on the tuned
model, for held-out products with their attributes, plain and with drafts that it looks up in the prompt and the text so
far, one text or SLOTS at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.trainers import print_table
from shelftalk import pipeline
from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.generation.llama_cpp_engine import LlamaCppEngine, make_files
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.models.adapters import load_adapter
from shelftalk.models.embedded import FILE, assemble
from shelftalk.models.load import load_model
from shelftalk.models.threads import core_count
from shelftalk.presets import load_preset
from shelftalk.prompts import request_for
from shelftalk.records import Description
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.workspace import Workspace

Writes = Callable[[str], Description]

PARTS = ("speed", "cold", "lookup")
TITLE = "Copper Watering Can, 2 Litre"
# Drafts of llama.cpp's kind ngram_simple: what followed the last tokens of the text where they stood before.
DRAFTS = {"plain": None, "last 2, draft 2": (2, 2), "last 3, draft 4": (3, 4), "last 3, draft 8": (3, 8)}
SLOT = 1024  # tokens of context of one text


def main() -> None:
    """Measure, and print a table, or with --json one line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="workspace that holds --run; a temporary one otherwise")
    parser.add_argument("--run", default="demo")
    parser.add_argument("--parts", default="speed", help=f"of {', '.join(PARTS)}, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=3, help="titles of a round, one after the other")
    parser.add_argument("--titles", type=int, default=64, help="titles of a batch")
    parser.add_argument("--tokens", type=int, default=120, help="maximum length of a text")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = open_or_train(Workspace(options.workspace or folder), options.run)
        parts = {"speed": measure_speed, "cold": measure_cold, "lookup": measure_lookup}
        for name in options.parts.split(","):
            parts[name](run, options)


def open_or_train(workspace: Workspace, name: str) -> Run:
    """Open the run; first train it on the bundled catalogue if it does not exist."""
    if name not in workspace.runs():
        pipeline.prepare_catalogue(workspace, demo_file(), name, PrepareSettings())
        settings = {**load_preset("demo"), "products": 64, "epochs": 1}
        pipeline.train_run(workspace, name, name, TrainingSettings.from_mapping(settings))
    return Run.open(workspace, name)


def measure_speed(run: Run, options: argparse.Namespace) -> None:
    """Print the medians over all rounds."""
    settings = DecodingSettings(max_new_tokens=options.tokens, temperature=0)
    products = run.catalogue().sample("test", options.titles, 1)
    products += run.catalogue().sample("train", max(options.titles - len(products), 0), 1)
    prompts = [run.template.prompt_for(product.title) for product in products]
    streams = {
        "transformers": reference(run, "fp32", settings),
        "transformers16": reference(run, "bf16", settings),
        "llamacpp": llama_cpp_alone(run.folder / FILE, settings),
    }
    single, batched = LlamaCppEngine.load(run), LlamaCppEngine.load(run, slots=pipeline.SLOTS)
    streams["stream"] = lambda prompt: single.complete(prompt, tuned=True, settings=settings)
    rounds: list[dict[str, float]] = []
    for number in range(options.rounds + 1):
        first = (number * options.streams) % len(prompts)
        chosen = (prompts * 2)[first : first + options.streams]
        timed = {name: one_by_one(write, chosen) for name, write in streams.items()}
        measured = {name: speed for name, (speed, _) in timed.items()}
        started = time.perf_counter()
        together = batched.complete_all(prompts, tuned=True, settings=settings)
        seconds = time.perf_counter() - started
        measured["batch"] = sum(one.tokens for one in together) / seconds
        measured["batch_per_hour"] = len(prompts) / seconds * 3600
        measured["one_by_one_per_hour"] = timed["transformers"][1]
        print(f"round {number}: { {name: round(value, 1) for name, value in measured.items()} }", flush=True)
        if number:  # the first round warms up
            rounds.append(measured)
    one_at_a_time = [single.complete(prompt, tuned=True, settings=settings) for prompt in prompts]
    same = sum(one.text == other.text for one, other in zip(together, one_at_a_time, strict=True)) / len(prompts)
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    first_token = statistics.median(seconds_to_first_token(single, prompt, settings) for prompt in prompts[:10])
    report({**medians, "same_texts": same, "first_token_seconds": first_token}, options.json)


def reference(run: Run, precision: str, settings: DecodingSettings) -> Writes:
    """Return the tuned model in transformers, in one number format."""
    model, tokenizer = load_model(run.base_model().folder, precision)
    engine = TransformersEngine(load_adapter(model, run.adapter), tokenizer)
    return lambda prompt: engine.complete(prompt, tuned=True, settings=settings)


def llama_cpp_alone(file: Path, settings: DecodingSettings) -> Writes:
    """Return llama.cpp on the published GGUF with xllamacpp's defaults, except for the threads and one slot."""
    assemble(file)
    server = serve(file, 4096)

    def write(prompt: str) -> Description:
        request = {"prompt": prompt, "n_predict": settings.max_new_tokens, "temperature": 0}
        answer = server.handle_completions(request)
        choice = answer["choices"][0]
        return Description(choice["text"], choice["finish_reason"] == "stop", answer["usage"]["completion_tokens"])

    return write


def serve(file: Path, context: int, slots: int = 1, draft: tuple[int, int] | None = None) -> Any:
    """Return a server of xllamacpp with its defaults; `draft` is (last tokens, tokens of a draft)."""
    import xllamacpp  # after the engine's module, which limits how long OpenMP threads spin

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel, parameters.verbosity = context, slots, -1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = core_count()
    if draft:
        speculative = parameters.speculative
        speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
        speculative.ngram_simple.size_n, speculative.ngram_simple.size_m = draft
        speculative.draft.n_max = draft[1]
    return xllamacpp.Server(parameters)


def measure_cold(run: Run, options: argparse.Namespace) -> None:
    """Print medians of --rounds answers, each in a new process: to the first word, in all, and processor time."""
    command = [sys.executable, "-m", "shelftalk", "ask", run.name, TITLE, "--workspace", str(run.workspace.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # converts the files where they are missing
    rounds: list[dict[str, float]] = []
    for _ in range(options.rounds):
        before, started = os.times(), time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
            output = cast(IO[bytes], process.stdout)
            output.readline()  # the heading comes with the first word
            output.read(1)
            first = time.perf_counter() - started
            while output.read(1 << 16):
                pass
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        rounds.append({"first_word": first, "seconds": time.perf_counter() - started, "processor_seconds": spent})
    medians = {name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}
    print(json.dumps(medians) if options.json else "\n".join(f"{key}: {value}" for key, value in medians.items()))


def measure_lookup(run: Run, options: argparse.Namespace) -> None:
    """Print for each kind of draft its speed over plain writing, the share of tokens accepted, and the equal texts."""
    _, file = make_files(run)
    products = [product for product in run.held_out("test", None, 1) if product.attributes][: options.titles]
    prompts = [run.template.prompt_for(request_for(product.title, product.attributes)) for product in products]
    for slots, chosen in ((1, prompts[: pipeline.SLOTS]), (pipeline.SLOTS, prompts)):
        servers = {name: serve(file, slots * SLOT, slots, draft) for name, draft in DRAFTS.items()}
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        answers: dict[str, list[dict[str, Any]]] = {}
        for _ in range(options.rounds):
            for name, server in servers.items():
                wall, processor = time.perf_counter(), time.process_time()
                with ThreadPoolExecutor(slots) as threads:
                    answers[name] = list(threads.map(partial(complete, server, options.tokens), chosen))
                rounds[name].append((time.perf_counter() - wall, time.process_time() - processor))
        plain, rows = answers["plain"], {}
        for name, written in answers.items():
            pairs = list(zip(rounds["plain"], rounds[name], strict=True))
            tokens = sum(one["usage"]["completion_tokens"] for one in written)
            drafted, accepted = (
                sum(one["timings"].get(key, 0) for one in written) for key in ("draft_n", "draft_n_accepted")
            )
            texts = zip(written, plain, strict=True)
            rows[f"{slots} at once, {name}"] = {
                "tokens_per_second": round(tokens / statistics.median(wall for wall, _ in rounds[name]), 1),
                "speed": round(statistics.median(before[0] / after[0] for before, after in pairs), 2),
                "speed_by_processor_time": round(statistics.median(before[1] / after[1] for before, after in pairs), 2),
                "drafted": drafted,
                "accepted": accepted,
                "of_tokens": tokens,
                "same_texts": f"{sum(one['choices'] == other['choices'] for one, other in texts)} of {len(chosen)}",
            }
        print_table(rows)


def complete(server: Any, tokens: int, prompt: str) -> Any:
    """Return a server's whole answer to a prompt, at temperature 0."""
    request = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "cache_prompt": False}
    return server.handle_completions(request)


def one_by_one(write: Writes, prompts: Sequence[str]) -> tuple[float, float]:
    """Return tokens of text a second and descriptions an hour, of prompts one after the other."""
    started = time.perf_counter()
    tokens = sum(write(prompt).tokens for prompt in prompts)
    seconds = time.perf_counter() - started
    return tokens / seconds, len(prompts) / seconds * 3600


def seconds_to_first_token(engine: LlamaCppEngine, prompt: str, settings: DecodingSettings) -> float:
    """Return the time from a request to its first text, with the model in memory."""
    times: list[float] = []
    started = time.perf_counter()
    engine.complete(
        prompt,
        tuned=True,
        settings=settings.replace({"max_new_tokens": 2}),
        on_text=lambda _: times.append(time.perf_counter() - started),
    )
    return times[0]


def report(measured: dict[str, Any], as_json: bool) -> None:
    """Print a table of medians and the ratios, as lines or as one line of JSON."""
    names = ("transformers", "transformers16", "llamacpp", "stream", "batch")
    print_table({name: {"tokens_per_second": round(measured[name], 1)} for name in names})
    ratios = {
        "stream_over_transformers": round(measured["stream"] / measured["transformers"], 2),
        "stream_over_llamacpp": round(measured["stream"] / measured["llamacpp"], 3),
        "batch_over_one_by_one": round(measured["batch_per_hour"] / measured["one_by_one_per_hour"], 2),
        "descriptions_per_hour": round(measured["batch_per_hour"]),
        "same_texts": round(measured["same_texts"], 3),
        "first_token_seconds": round(measured["first_token_seconds"], 3),
    }
    print(json.dumps(ratios) if as_json else "\n".join(f"{key}: {value}" for key, value in ratios.items()))


if __name__ == "__main__":
    main()
