"""`shelftalk estimate`: time, memory and disk of a training or of each preset; and the token counts of `inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelftalk.cli.options import (
    DEFAULT_WORKSPACE,
    AssignmentsOption,
    CatalogueArgument,
    JsonOption,
    PresetOption,
    TokenOption,
    WorkspaceOption,
    read_token,
)
from shelftalk.errors import UserError
from shelftalk.presets import load_preset
from shelftalk.settings import TrainingSettings, parse_assignments
from shelftalk.workspace import Workspace

if TYPE_CHECKING:
    from shelftalk.catalogue.catalogue import Catalogue


def estimate(
    catalogue: CatalogueArgument,
    preset: PresetOption = None,
    assignments: AssignmentsOption = None,
    presets: Annotated[bool, typer.Option("--presets", help="Estimate every preset, each changed by --set.")] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", hidden=True)] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    token_stdin: TokenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate what a training takes here: time, memory and disk, from a rehearsal of a few updates.

    Presets and settings are those of `shelftalk train`.
    """
    place = Workspace(workspace)
    if rehearse:
        _rehearse(place)
        return
    place.existing_catalogue(catalogue)
    if presets:
        if preset is not None:
            raise UserError(f"--presets estimates every preset; leave out --preset {preset}.")
        _estimate_presets(place, catalogue, parse_assignments(assignments or []), read_token(token_stdin), as_json)
        return
    values = {**(load_preset(preset) if preset else {}), **parse_assignments(assignments or [])}
    settings, token = TrainingSettings.from_mapping(values), read_token(token_stdin)
    from shelftalk.cli import output
    from shelftalk.training.estimate import estimate as estimate_run

    with output.step("Rehearsing a few updates") as progress:
        found = estimate_run(place, catalogue, settings, token, output.say, progress=progress)
    if as_json:
        output.print_json(found)
    else:
        _show(found)


def _rehearse(workspace: Workspace) -> None:
    """Rehearse in the process that the estimate measures; it imports what `train` imports, which needs memory too."""
    import shelftalk.pipeline  # noqa: F401
    from shelftalk.runs.run import Run
    from shelftalk.training.estimate import NAME
    from shelftalk.training.rehearsal import rehearse_to_file

    rehearse_to_file(Run.open(workspace, NAME))


def _estimate_presets(
    workspace: Workspace, catalogue: str, changes: dict[str, str], token: str | None, as_json: bool
) -> None:
    TrainingSettings.from_mapping(changes)
    from shelftalk.cli import output
    from shelftalk.training.preset_estimates import estimate_presets

    with output.step("Rehearsing as few updates as stand for all presets"):
        found = estimate_presets(workspace, catalogue, changes, token, output.say)
    if as_json:
        output.print_json(found)
    else:
        _show_presets(found)


def _show_presets(found: dict[str, Any]) -> None:
    from shelftalk.cli.output import duration, out, show_rows, size

    rows = [
        {
            "preset": name,
            "products": f"{one['products']:,}",
            "time": "unknown" if one["seconds_total"] is None else duration(one["seconds_total"]),
            "memory": "ran out" if one["memory_bytes"] is None else size(one["memory_bytes"]),
            "fits": {True: "yes", False: "no", None: "unknown"}[one["fits"]],
        }
        for name, one in sorted(found["presets"].items(), key=lambda item: item[1]["tokens"])
    ]
    show_rows(rows, "")
    available = size(found["memory_available_bytes"])
    on = f"In {found['precision']} on {found['device']}; memory available: {available}.{concurrent_runs(found)}"
    out.print(on, markup=False, soft_wrap=True)


def _show(found: dict[str, Any]) -> None:
    from shelftalk.cli.output import duration, out, show_rows, size

    if "seconds" in found:
        about = "" if found["counted"] else "about "
        work = f"{found['products']:,} products, {found['updates']:,} updates, {about}{found['tokens']:,} tokens"
        speed = f"{found['tokens_per_second']:,.0f} tokens/s in {found['precision']} on {found['device']}"
        out.print(f"{work}, {speed}", markup=False)
        parts = {name.replace("_", "-"): seconds for name, seconds in found["seconds"].items() if round(seconds)}
        later = {"files for llama.cpp": found["later_bytes"]["llama_cpp"], "an export": found["later_bytes"]["export"]}
        details = {
            "time": (duration(found["seconds_total"]), ", ".join(f"{one} {duration(parts[one])}" for one in parts)),
            "memory": (size(found["memory_bytes"]), f"{size(found['memory_available_bytes'])} available"),
            "disk": (size(found["disk_bytes_total"]), f"{size(found['disk_free_bytes'])} free"),
            "later": (size(sum(later.values())), ", ".join(f"{what} {size(one)}" for what, one in later.items())),
        }
        show_rows([{"estimate": what, "takes": takes, "of": of} for what, (takes, of) in details.items()], "")
    out.print(conclude(found), markup=False, soft_wrap=True)


def conclude(found: dict[str, Any]) -> str:
    """Return the sentence that says whether the run fits, and if not, which smaller settings would."""
    from shelftalk.cli.output import size

    others = concurrent_runs(found)
    if found["fits"] is None:
        return f"Whether it fits cannot be said: this system does not report its available memory.{others}"
    if found["fits"]:
        if found.get("disk_bytes_total", 0) + sum(found["later_bytes"].values()) > found["disk_free_bytes"]:
            return f"It fits into memory but not on the disk: free some space, or choose another --workspace.{others}"
        return f"It fits.{others}"
    smaller = found["smaller"]
    if smaller is None:
        cure = "nothing smaller fits either: take a machine with more memory."
    else:
        from shelftalk.cli.output import duration
        from shelftalk.training.estimate import as_options

        takes = f"{size(smaller['memory_bytes'])} and {duration(smaller['seconds_total'])}"
        cure = f"the next smaller that does, {as_options(smaller['settings'])}, takes {takes}."
    room = "" if found["memory_available_bytes"] is None else f"the {size(found['memory_available_bytes'])} of "
    return f"It does not fit into {room}memory{' available' if room else ''}; {cure}{others}"


def concurrent_runs(found: dict[str, Any]) -> str:
    """Return a sentence that names the runs that trained during the measurement; "" if there were none."""
    return f" Measured while {', '.join(found['running'])} trains: alone it is faster." if found["running"] else ""


def count_tokens(workspace: Workspace, catalogue: Catalogue, base_model: str) -> dict[str, Any] | None:
    """Return a catalogue's lengths in tokens; without a tokenizer, print the reason and return None."""
    from shelftalk.cli import output
    from shelftalk.errors import Busy, MissingPackage, NotWritable
    from shelftalk.models.registry import must_be_made
    from shelftalk.training.lengths import describe_lengths

    unpacking = must_be_made(base_model, workspace)
    title = f"Unpacking {base_model} (first time only)" if unpacking else "Counting tokens"
    try:
        with output.step(title) as progress:
            tokens = describe_lengths(workspace, catalogue, base_model, progress)
    except (MissingPackage, NotWritable, Busy) as error:
        output.say(f"Lengths in tokens are left out. {error}")
        return None
    if tokens is None:
        output.say(
            f"Lengths in tokens are left out: {base_model} has not been downloaded yet; training on it does that."
        )
    return tokens
