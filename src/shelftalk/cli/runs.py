"""`shelftalk runs`: list, show, follow, stop, resume, rename and delete runs, and prepare them for questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from shelftalk.cli.options import DEFAULT_WORKSPACE, JsonOption, RunArgument, TokenOption, WorkspaceOption, read_token
from shelftalk.errors import InvalidSettings
from shelftalk.settings import parse_assignments
from shelftalk.workspace import Workspace

if TYPE_CHECKING:
    from shelftalk.runs.run import Run

DetachOption = Annotated[
    bool, typer.Option("--detach", help="Train in a separate process that outlives this one, and return at once.")
]
POLL_SECONDS = 0.5  # between two reads of a followed run
EXIT_CODES = {"finished": 0, "stopped": 130}  # how `follow` ends; 1 for a run that failed or was interrupted


class ListByDefault(TyperGroup):
    """Runs `shelftalk runs list` for `shelftalk runs` without a subcommand."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert `list` where no subcommand is given."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


runs = typer.Typer(
    cls=ListByDefault,
    help="List, show, follow, stop, resume, ready, rename and delete runs.",
    rich_markup_mode=None,
)


@runs.command("list")
def list_all(workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False) -> None:
    """List the runs of the workspace."""
    from shelftalk.cli import output
    from shelftalk.runs.describe import list_runs

    found = list_runs(Workspace(workspace))
    if as_json:
        output.print_json(found)
    else:
        output.show_rows(found, "No runs yet. Make one with: shelftalk train CATALOGUE --run NAME")


@runs.command()
def show(run: RunArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False) -> None:
    """Show a run: settings, state, newest metrics and the paths of its files."""
    from shelftalk.cli import output
    from shelftalk.runs.describe import measure_disk, show_run
    from shelftalk.runs.run import Run

    opened = Run.open(Workspace(workspace), run)
    found = {**show_run(opened), "disk_bytes": measure_disk(opened)}
    if as_json:
        output.print_json(found)
    else:
        output.show_run(found)


@runs.command()
def follow(run: RunArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE) -> None:
    """Follow a run until it ends. Ctrl-C ends this command, not the run.

    The exit code says how the run ended: 0 finished, 130 stopped, 1 failed or interrupted.
    """
    from shelftalk.cli import output
    from shelftalk.runs.describe import show_run
    from shelftalk.runs.metrics import read_warnings
    from shelftalk.runs.run import Run

    opened = Run.open(Workspace(workspace), run)
    try:
        with output.live_line() as write:
            while (found := show_run(opened))["status"] in ("queued", "running"):
                write(f"{run}: {found['status']}, {output.training_line(found['state'], found['metrics'])}")
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        output.say(f"{run} continues. Stop it with: shelftalk runs stop {run}")
        return
    reason = found["state"].get("error") if found["status"] == "failed" else None
    ended = f"{run}: {found['status']}, {output.training_line(found['state'], found['metrics'])}"
    output.say(f"{ended}: {reason}" if reason else ended)
    for warning in read_warnings(opened.folder, opened.origin) if found["status"] == "finished" else ():
        output.say(warning)
    raise typer.Exit(EXIT_CODES.get(found["status"], 1))


@runs.command()
def stop(run: RunArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False) -> None:
    """Stop a run after its current update; return when its checkpoint is written."""
    from shelftalk.cli import output
    from shelftalk.runs.describe import describe_run
    from shelftalk.runs.run import Run
    from shelftalk.training.jobs import stop_run

    opened = Run.open(Workspace(workspace), run)
    stop_run(opened)
    described = describe_run(opened)
    if as_json:
        output.print_json(described)
    else:
        steps = f"update {described['step']} of {described['steps'] or '?'}"
        output.out.print(f"{run} is {described['status']} at {steps}.", markup=False)
        output.out.print(f"Resume it with: shelftalk runs resume {run}", markup=False)


@runs.command()
def resume(
    run: RunArgument,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="base_model=FOLDER", help="Where the base model's folder is now, if it moved."),
    ] = None,
    detach: DetachOption = False,
    held_lock: Annotated[int | None, typer.Option("--held-lock", hidden=True)] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    token_stdin: TokenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Resume a run that was stopped or interrupted, with its own settings."""
    from shelftalk.cli import output
    from shelftalk.runs.run import Run
    from shelftalk.training.jobs import resume_detached, resume_run

    opened = Run.open(Workspace(workspace), run)
    _accept_base(opened, parse_assignments(assignments or []))
    token = read_token(token_stdin)
    if detach:
        resume_detached(opened, token)
        show_started(opened, as_json)
        return
    with output.step(f"Training {run}", training_detail(opened.folder)) as progress:
        resume_run(opened, token, progress, output.say, held_lock)
    show_trained(opened, as_json)


def _accept_base(run: Run, assigned: dict[str, str]) -> None:
    """Take the place of the run's base model, the only setting that may be given to an existing run.

    Raises:
        InvalidSettings: another setting is given, or it is not the run's base model.
        NotFound, NotWritable, Busy: see `Run.accept_base`.
    """
    if others := sorted(assigned.keys() - {"base_model"}):
        raise InvalidSettings(
            f"A run keeps its settings, so --set takes only base_model here, for a folder that moved, not {others[0]}; "
            "train another --run with it."
        )
    if assigned and not run.accept_base(assigned["base_model"]):
        begun = run.description["base"]["name"]
        raise InvalidSettings(f"Run {run.name!r} began with the base model {begun}, not {assigned['base_model']}.")


@runs.command()
def ready(run: RunArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False) -> None:
    """Build what the first question needs: the index, and the model in llama.cpp's format."""
    from shelftalk.cli import output
    from shelftalk.pipeline import make_ready
    from shelftalk.runs.run import Run

    opened = Run.open(Workspace(workspace), run)
    with output.step(f"Getting {run} ready") as progress:
        made = make_ready(opened, progress, output.say)
    if as_json:
        output.print_json(made)
    else:
        output.out.print(f"{run} is ready: {made['indexed']} products indexed, {made['engine']} writes.", markup=False)


@runs.command()
def rename(
    run: RunArgument,
    new: Annotated[str, typer.Argument(help="Its new name.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Rename a run that is not being trained."""
    from shelftalk.cli import output
    from shelftalk.runs.describe import describe_run
    from shelftalk.runs.folders import rename_run

    renamed = rename_run(Workspace(workspace), run, new)
    if as_json:
        output.print_json(describe_run(renamed))
    else:
        output.say(f"{run} is now called {new}.")


@runs.command()
def delete(
    run: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Delete a run with its adapter, checkpoints and index."""
    from shelftalk.cli import output
    from shelftalk.runs.folders import delete_run

    place = Workspace(workspace)
    folder = place.existing_run(run)
    if not yes and not _confirmed(f"Delete {folder} with everything in it?"):
        output.say("Nothing was deleted.")
        raise typer.Exit(1)
    delete_run(place, run)
    output.say(f"{run} is deleted.")


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:  # standard input is closed
        return False


def show_started(run: Run, as_json: bool) -> None:
    """Print how to follow and stop a run that trains in a separate process."""
    from shelftalk.cli import output
    from shelftalk.generation.choose import say_cost
    from shelftalk.runs.describe import describe_run
    from shelftalk.runs.run import LOG

    described = describe_run(run)
    if as_json or described["status"] == "finished":
        show_trained(run, as_json)
        return
    say_cost(run, output.say)
    output.out.print(f"{run.name} is {described['status']} and runs in the background.", markup=False)
    output.out.print(f"Follow it with: shelftalk runs follow {run.name}", markup=False)
    output.out.print(f"Stop it with: shelftalk runs stop {run.name}", markup=False)
    output.out.print(f"It writes to {run.folder / LOG}", markup=False, soft_wrap=True)


def show_trained(run: Run, as_json: bool) -> None:
    """Print the path of a finished run's adapter, and the next command."""
    from shelftalk.cli import output
    from shelftalk.runs.describe import describe_run

    if as_json:
        output.print_json(describe_run(run))
    else:
        output.out.print(f"Adapter: {run.adapter}", markup=False, soft_wrap=True)
        output.out.print(f"Next: shelftalk ask {run.name} 'a title or a question'", markup=False)


def training_detail(folder: Path) -> Callable[[int, int], str]:
    """Return a function that turns (updates done, updates in total) into a progress line for the run in `folder`."""
    from shelftalk.cli import output
    from shelftalk.runs.metrics import read_newest_metrics
    from shelftalk.runs.state import read_state

    def describe(done: int, total: int) -> str:
        state = {**read_state(folder), "step": done, "steps": total}
        return output.training_line(state, read_newest_metrics(folder))

    return describe
