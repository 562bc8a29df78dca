"""Does llama.cpp give the same results as transformers, before and after fine-tuning?

    python -m benchmarks.parity --workspace WORKSPACE --run RUN

Replays held-out titles of a finished run in llama.cpp, for each number format of the weights, and in transformers in
bf16; the reference is transformers in fp32. `generation/parity.py` explains the columns.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.trainers import print_table
from shelftalk.generation.llama_cpp_engine import LlamaCppEngine
from shelftalk.generation.parity import LlamaCppRunner, Parity, TransformersRunner, measure_parity
from shelftalk.models.adapters import load_adapter
from shelftalk.models.gguf_files import write_gguf
from shelftalk.models.load import load_model
from shelftalk.runs.run import Run
from shelftalk.workspace import Workspace


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--run", default="demo")
    parser.add_argument("--titles", type=int, default=20)
    parser.add_argument("--formats", default="f32,f16,bf16,q8_0")
    options = parser.parse_args()
    run = Run.open(Workspace(options.workspace), options.run)
    prompts = [run.template.prompt_for(one.title) for one in run.catalogue().sample("test", options.titles, 1)]
    rows = {}
    for tuned in (False, True):
        side, reference = "after" if tuned else "before", load_runner(run, "fp32", tuned)
        for kind in options.formats.split(","):
            rows[f"llama.cpp {kind}, {side}"] = row(replay(run, kind, tuned, reference, prompts))
        rows[f"transformers bf16, {side}"] = row(measure_parity(reference, load_runner(run, "bf16", tuned), prompts))
    print_table(rows)


def load_runner(run: Run, precision: str, tuned: bool) -> TransformersRunner:
    """Return the base or the tuned model of the run in transformers."""
    model, tokenizer = load_model(run.base_model().folder, precision)
    return TransformersRunner(load_adapter(model, run.adapter) if tuned else model, tokenizer)


def replay(run: Run, kind: str, tuned: bool, reference: TransformersRunner, prompts: list[str]) -> Parity:
    """Convert the base or the tuned model of the run to `kind` and measure it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.gguf"
        write_gguf(run.base_model().folder, file, kind, run.adapter if tuned else None)
        engine = LlamaCppEngine(None, file)
        try:
            return measure_parity(reference, LlamaCppRunner(engine, tuned=True), prompts)
        finally:
            engine.close()


def row(found: Parity) -> dict[str, str]:
    """Return a row of the table."""
    return {
        "first token, nats": f"{found.divergence:.1e}",
        "worst": f"{found.worst_divergence:.1e}",
        "same choice": f"{found.agreement:.1%} of {found.tokens}",
        "worst margin, nats": f"{found.worst_margin:.3f}",
        "same ids": str(found.same_tokens),
    }


if __name__ == "__main__":
    main()
