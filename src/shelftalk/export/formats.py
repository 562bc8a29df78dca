"""Export formats: how each is written, how its own engine opens it, and how much disk it takes.

adapter   the LoRA adapter in PEFT's layout, for transformers and peft on top of the base model
merged    base and adapter as one model in safetensors, in the base's own number format
gguf      the same as one file for llama.cpp
ollama    the GGUF and a Modelfile
vllm      the merged model and a script that serves it
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shelftalk.errors import InvalidSettings, MissingPackage
from shelftalk.evidence.trained_on import trained_in_all, write_record
from shelftalk.export.runners import ChatRunner, GgufRunner, OllamaRunner, PlainRunner
from shelftalk.export.serving import modelfile, serve_script
from shelftalk.generation.choose import why_not_installed
from shelftalk.models.adapters import attach_adapter
from shelftalk.models.gguf_files import TYPES, base_obstacle, write_gguf
from shelftalk.models.load import load_model
from shelftalk.models.merge import write_merged
from shelftalk.models.registry import BaseModel
from shelftalk.models.tokens import load_tokenizer, save_tokenizer
from shelftalk.models.weights import describe_weights
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import read_json, write_bytes, write_json

QUANTIZATION = "q8_0"  # default of a GGUF
BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32}  # a weight; q8_0 has a scale for every 32 weights
NAMES_SHOWN = 30  # of attributes in a Modelfile's comment: the commonest
RECORD_BYTES = 48  # of the record of what was trained on, for each product
SMALL_FILES = 1 << 20  # upper bound in bytes of configuration, card and manifest


@dataclass(frozen=True, slots=True)
class Artefact:
    """An export to be made: a run in a format, with weights in the number format `kind`."""

    run: Run
    base: BaseModel
    format: str
    kind: str

    @property
    def decoding(self) -> DecodingSettings:
        """The run's usual decoding settings."""
        return self.run.decoding(DecodingSettings())

    @property
    def gguf_file(self) -> str:
        """The name of the GGUF file."""
        return f"{self.run.name}-{self.kind}.gguf"


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is written to a folder, and opened there by its own engine for the replay.

    `library` is the Hub's `library_name`, `engine` the package in which the export is replayed, and `other` a target
    engine in which it is not replayed: its name, and a function that checks whether it is installed. `chat` says which
    chat template a second question was asked with.
    """

    library: str
    engine: str
    write: Callable[[Artefact, Path], None]
    open: Callable[[Artefact, Path], AbstractContextManager[ChatRunner]]
    chat: str
    other: tuple[str, Callable[[], bool]] | None = None


def plan(run: Run, base: BaseModel, format: str, quantization: str | None) -> Artefact:
    """Validate the options of an export, and return its artefact.

    Raises:
        InvalidSettings: no such format or quantization, a quantization for a format that has none, or a base model
            that llama.cpp cannot read.
        MissingPackage: gguf or ollama without xllamacpp.
    """
    if format not in FORMATS:
        raise InvalidSettings(f"--format must be one of {', '.join(FORMATS)}, got {format!r}.")
    if format not in ("gguf", "ollama"):
        if quantization is not None:
            raise InvalidSettings(f"--quantization is for gguf and ollama, got {quantization!r} with {format}.")
        return Artefact(run, base, format, "f32" if format == "adapter" else describe_weights(base.folder)[1])
    kind = QUANTIZATION if quantization is None else quantization
    if kind not in TYPES:
        raise InvalidSettings(f"--quantization must be one of {', '.join(TYPES)}, got {kind!r}.")
    if reason := base_obstacle(base.folder):
        raise InvalidSettings(f"Run {run.name!r} cannot be exported as {format}: {reason}; take --format merged.")
    if reason := why_not_installed():
        raise MissingPackage(
            f"--format {format} is replayed in llama.cpp, and {reason}; install it, or take --format merged."
        )
    return Artefact(run, base, format, kind)


def disk_needed(artefact: Artefact) -> tuple[int, int]:
    """Return the peak size in bytes while writing, in the destination and in the folder for temporary files."""
    tokenizer = sum(file.stat().st_size for file in artefact.base.folder.glob("tokenizer*")) + SMALL_FILES
    if artefact.format == "adapter":
        return tokenizer + (artefact.run.adapter / "adapter_model.safetensors").stat().st_size, 0
    count, _ = describe_weights(artefact.base.folder)
    weights = int(count * BYTES[artefact.kind])
    if artefact.format in ("merged", "vllm"):
        earlier = artefact.run.description.get("earlier", {"runs": []})["runs"]
        products = artefact.run.catalogue().count("train") + sum(one["products"] or 0 for one in earlier)
        return tokenizer + weights + products * RECORD_BYTES, 0
    return tokenizer + weights, weights  # the gguf package collects tensors in a temporary file first


def write_adapter(run: Run, base: BaseModel, folder: Path) -> None:
    """Write a run's adapter and its tokenizer into `folder` so that PEFT loads them anywhere, whoever wrote the run.

    Earlier versions wrote no tokenizer into the run's folder, and named the base model as this disk has it.
    """
    config = read_json(run.adapter / "adapter_config.json")
    config |= {"base_model_name_or_path": base.reference, "revision": base.commit}
    write_json(folder / "adapter_config.json", config)
    shutil.copyfile(run.adapter / "adapter_model.safetensors", folder / "adapter_model.safetensors")
    save_tokenizer(base.folder, folder, run.template)


def _write_adapter(artefact: Artefact, folder: Path) -> None:
    write_adapter(artefact.run, artefact.base, folder)


def _write_merged(artefact: Artefact, folder: Path) -> None:
    run = artefact.run
    write_merged(artefact.base.folder, run.adapter, folder, artefact.kind, artefact.decoding, run.template)
    write_record(folder, trained_in_all(run, artefact.base))  # since this folder can be a base model


def _write_gguf(artefact: Artefact, folder: Path) -> None:
    run, file = artefact.run, folder / artefact.gguf_file
    write_gguf(artefact.base.folder, file, artefact.kind, run.adapter, template=run.template)


def _write_ollama(artefact: Artefact, folder: Path) -> None:
    _write_gguf(artefact, folder)
    end = load_tokenizer(artefact.base.folder).eos_token
    names = artefact.run.known_attributes.commonest(NAMES_SHOWN)
    licence, template = artefact.base.licence, artefact.run.template
    text = modelfile(artefact.gguf_file, end, licence, artefact.decoding, template, names)
    write_bytes(folder / "Modelfile", text.encode())


def _write_vllm(artefact: Artefact, folder: Path) -> None:
    _write_merged(artefact, folder)
    write_bytes(folder / "serve.sh", serve_script(artefact.run.name, artefact.decoding).encode())
    (folder / "serve.sh").chmod(0o755)


@contextmanager
def _open_adapter(artefact: Artefact, folder: Path) -> Iterator[ChatRunner]:
    model, _ = load_model(artefact.base.folder, "fp32")
    yield PlainRunner(attach_adapter(model, folder), load_tokenizer(folder))


@contextmanager
def _open_merged(artefact: Artefact, folder: Path) -> Iterator[ChatRunner]:
    yield PlainRunner(*load_model(folder, "fp32"))


@contextmanager
def _open_gguf(artefact: Artefact, folder: Path) -> Iterator[GgufRunner]:
    from shelftalk.generation.llama_cpp_engine import LlamaCppEngine  # lazy: other formats work without llama.cpp

    engine = LlamaCppEngine(folder / artefact.gguf_file, None)
    try:
        yield GgufRunner(engine)
    finally:
        engine.close()


@contextmanager
def _open_ollama(artefact: Artefact, folder: Path) -> Iterator[ChatRunner]:
    with _open_gguf(artefact, folder) as runner:
        yield OllamaRunner(runner.engine, (folder / "Modelfile").read_text(encoding="utf-8"))


JINJA = "chat_template.jinja, rendered by transformers"
FORMATS = {
    "adapter": Format("peft", "transformers", _write_adapter, _open_adapter, JINJA),
    "merged": Format("transformers", "transformers", _write_merged, _open_merged, JINJA),
    "gguf": Format("gguf", "xllamacpp", _write_gguf, _open_gguf, "the GGUF's template, on llama.cpp's chat route"),
    "ollama": Format(
        "gguf",
        "xllamacpp",
        _write_ollama,
        _open_ollama,
        "the Modelfile's template, rendered by Ollama's rules in shelftalk",
        ("Ollama", lambda: shutil.which("ollama") is not None),
    ),
    "vllm": Format(
        "transformers",
        "transformers",
        _write_vllm,
        _open_merged,
        JINJA,
        ("vLLM", lambda: find_spec("vllm") is not None),
    ),
}
