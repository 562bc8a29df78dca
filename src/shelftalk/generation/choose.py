"""Choose the engine for a run: llama.cpp on a CPU where it can say exactly what was asked, transformers elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shelftalk.errors import Busy, Damaged, InvalidSettings, NotWritable
from shelftalk.generation.engine import Engine
from shelftalk.models.gguf_files import base_folder, base_obstacle, merged_folder
from shelftalk.models.registry import is_on_disk, is_whole
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings

CONVERSION_FAULTS = (InvalidSettings, Damaged, NotWritable, Busy)

ENGINES = ("automatic", "llama.cpp", "transformers")

# The engines' modules stay out of this one: each loads what the other does without.


def open_engine(
    run: Run,
    settings: DecodingSettings | None = None,
    asked: str = "automatic",
    slots: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> Engine:
    """Return the engine for a finished run, loaded; `slots` texts are written at once where the engine can.

    `settings`, where they are known, may rule an engine out; see `choose_engine`. `say` is told of what takes long.

    Raises:
        NotFound: the run has not finished.
        InvalidSettings: the engine that was asked for cannot do it.
        Damaged: a file of the adapter or of the base model is not what it was.
    """
    run.require_finished()
    name, _ = choose_engine(run, settings, asked)
    if name == "llama.cpp":
        from shelftalk.generation.llama_cpp_engine import LlamaCppEngine

        try:
            return LlamaCppEngine.load(run, slots=slots, say=say)
        except CONVERSION_FAULTS as error:
            if asked != "automatic":
                raise
            say(f"transformers writes instead of llama.cpp: {error}")
    from shelftalk.generation.transformers_engine import TransformersEngine

    return TransformersEngine.load(run)


def make_engine_files(run: Run, say: Callable[[str], None] = lambda line: None) -> str:
    """Make what the engine for a finished run reads, and return the name of the engine that `open_engine` then opens.

    Raises:
        NotFound: the run has not finished.
        Damaged: the base model is not what it was.
    """
    run.require_finished()
    name, _ = choose_engine(run)
    if name == "llama.cpp":
        from shelftalk.generation.llama_cpp_engine import make_files

        try:
            make_files(run, say)
        except CONVERSION_FAULTS as error:
            say(f"transformers writes instead of llama.cpp: {error}")
            return "transformers"
    return name


def has_engine_files(run: Run) -> bool:
    """Say whether `make_engine_files` would find all of a finished run's files made; sizes are checked, no contents.

    Raises:
        NotFound, Damaged: the base model was removed, or is not what it was.
    """
    begun = run.description["base"]
    if not is_on_disk(begun["name"], run.workspace, begun["revision"]):
        return False
    if choose_engine(run)[0] != "llama.cpp":
        return True
    base = run.base_model()
    return is_whole(base_folder(base, run.workspace)) and is_whole(
        merged_folder(base, run.adapter, run.folder / "gguf")
    )


def choose_engine(run: Run, settings: DecodingSettings | None = None, asked: str = "automatic") -> tuple[str, str]:
    """Return the engine's name for `run`, and why it is that one.

    Raises:
        InvalidSettings: there is no engine of that name, or llama.cpp was asked for and cannot do it.
    """
    if asked not in ENGINES:
        raise InvalidSettings(f"--engine must be one of {', '.join(ENGINES)}, got {asked!r}.")
    if asked == "transformers":
        return asked, "asked for"
    if asked == "llama.cpp":
        if reason := why_not_installed() or _cannot(run, settings):
            raise InvalidSettings(f"--engine llama.cpp cannot be used here: {reason}; leave it to automatic.")
        return asked, "asked for"
    return _choice(_unfit() or _cannot(run, settings))


def choose_for_machine() -> tuple[str, str]:
    """Return the engine that this machine takes for a Gemma, and why."""
    return _choice(_unfit())


def why_not_installed() -> str | None:
    """Say why llama.cpp cannot be loaded; None where it can."""
    try:
        import shelftalk.generation.llama_cpp_engine  # noqa: F401 (the wheel may be there without a library it needs)
    except ImportError as error:
        return f"xllamacpp cannot be loaded ({error})"
    return None


def _choice(reason: str | None) -> tuple[str, str]:
    """Return engine and reason, given what speaks against llama.cpp."""
    return ("transformers", reason) if reason else ("llama.cpp", "the fastest on a CPU")


def _unfit() -> str | None:
    """Say why this machine does better without llama.cpp, or has none."""
    return "a GPU is here" if _has_gpu() else why_not_installed()


def _cannot(run: Run, settings: DecodingSettings | None) -> str | None:
    """Say why llama.cpp cannot write for this run under these settings."""
    from shelftalk.generation.llama_cpp_engine import refuses

    if settings and (reason := refuses(settings)):
        return reason
    return base_obstacle(run.base_model().folder)


def _has_gpu() -> bool:
    devices = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # CUDA, CUDA under Windows, ROCm
    if not any(Path(device).exists() for device in devices):  # spares a second: asking torch means loading it
        return False
    import torch

    return torch.cuda.is_available()
