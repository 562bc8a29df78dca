"""Choose the engine for a run: llama.cpp on a CPU where it supports the model and the settings, else transformers."""

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

# The engines' modules are imported lazily: each loads libraries that the other does not need.


def open_engine(
    run: Run,
    settings: DecodingSettings | None = None,
    asked: str = "automatic",
    slots: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> Engine:
    """Load the engine for a finished run; it writes up to `slots` texts at once where it can.

    `settings`, if known, may exclude an engine; see `choose_engine`. `say` gets messages on slow steps.

    Raises:
        NotFound: the run has not finished.
        InvalidSettings: the requested engine does not support the run or the settings.
        Damaged: a file of the adapter or of the base model has changed.
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

    say_cost(run, say)
    return TransformersEngine.load(run)


def say_cost(run: Run, say: Callable[[str], None]) -> None:
    """Say what the run's model costs in transformers here, where that is bf16 and emulated."""
    if run.precision != "bf16":
        return
    from shelftalk.models.instruction_set import bf16_cost  # imports torch, which only such a run must wait for

    if cost := bf16_cost(run.precision):
        say(f"Run {run.name!r} {cost}.")


def make_engine_files(run: Run, say: Callable[[str], None] = lambda line: None) -> str:
    """Make the model files of a finished run's engine, and return the name of the engine that `open_engine` then opens.

    Raises:
        NotFound: the run has not finished.
        Damaged: the base model has changed.
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
    """Return whether all files of `make_engine_files` exist for a finished run; only names and sizes are checked.

    Raises:
        NotFound, Damaged: the base model was removed, or has changed.
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
    """Return the engine's name for `run`, and the reason.

    Raises:
        InvalidSettings: there is no engine of that name, or llama.cpp was requested and does not support the run.
    """
    if asked not in ENGINES:
        raise InvalidSettings(f"--engine must be one of {', '.join(ENGINES)}, got {asked!r}.")
    if asked == "transformers":
        return asked, "requested"
    if asked == "llama.cpp":
        if reason := why_not_installed() or _run_obstacle(run, settings):
            raise InvalidSettings(f"--engine llama.cpp cannot be used here: {reason}; leave it to automatic.")
        return asked, "requested"
    return _choice(_machine_obstacle() or _run_obstacle(run, settings))


def choose_for_machine() -> tuple[str, str]:
    """Return the engine that this machine uses for a Gemma model, and the reason."""
    return _choice(_machine_obstacle())


def why_not_installed() -> str | None:
    """Return why llama.cpp cannot be loaded; None where it can."""
    try:
        import shelftalk.generation.llama_cpp_engine  # noqa: F401 (the wheel may be there without a library it needs)
    except ImportError as error:
        return f"xllamacpp cannot be loaded ({error})"
    return None


def _choice(reason: str | None) -> tuple[str, str]:
    """Return engine and reason, given the reason against llama.cpp, if there is one."""
    return ("transformers", reason) if reason else ("llama.cpp", "the fastest on a CPU")


def _machine_obstacle() -> str | None:
    """Return why this machine should not or cannot use llama.cpp."""
    return "a GPU is here" if _has_gpu() else why_not_installed()


def _run_obstacle(run: Run, settings: DecodingSettings | None) -> str | None:
    """Return why llama.cpp does not support this run with these settings."""
    from shelftalk.generation.llama_cpp_engine import settings_obstacle

    if settings and (reason := settings_obstacle(settings)):
        return reason
    return base_obstacle(run.base_model().folder)


def _has_gpu() -> bool:
    devices = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # CUDA, CUDA under Windows, ROCm
    if not any(Path(device).exists() for device in devices):  # saves the second that loading torch takes
        return False
    import torch

    return torch.cuda.is_available()
