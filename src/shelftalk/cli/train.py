"""`shelftalk train`: from a base model or a run's adapter, on a catalogue and accepted texts, also detached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shelftalk.cli.completion import complete_run
from shelftalk.cli.options import (
    DEFAULT_WORKSPACE,
    AssignmentsOption,
    CatalogueArgument,
    ClusterOption,
    JsonOption,
    PresetOption,
    TokenOption,
    WorkspaceOption,
    open_run,
    read_token,
)
from shelftalk.cli.runs import DetachOption, show_started, show_trained, training_detail
from shelftalk.cluster.connect import check_options
from shelftalk.errors import UserError
from shelftalk.settings import TrainingSettings, describe_settings, parse_assignments
from shelftalk.workspace import Workspace

if TYPE_CHECKING:
    from shelftalk.records import AcceptedText
    from shelftalk.runs.run import Run


def settings_epilog() -> str:
    """Return a help text of all settings of a training, one paragraph each."""
    rows = "\n\n".join(f"{name} ({default}): {text}" for name, default, text in describe_settings(TrainingSettings))
    return f"Settings for --set, with the default in brackets:\n\n{rows}"


def train(
    catalogue: CatalogueArgument,
    run: Annotated[
        str,
        typer.Option(
            "--run",
            help="Name for the run; an existing run with the same settings is resumed.",
            autocompletion=complete_run,
        ),
    ],
    preset: PresetOption = None,
    assignments: AssignmentsOption = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Begin from this finished run's adapter, not from the base model.",
            autocompletion=complete_run,
        ),
    ] = None,
    accepted: Annotated[
        bool,
        typer.Option("--accepted", help="With --from: also learn from the texts of that run that people accepted."),
    ] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    cluster: ClusterOption = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes that train together on --cluster [default: one per GPU]"),
    ] = None,
    detach: DetachOption = False,
    token_stdin: TokenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a base model on a catalogue; an interrupted run is resumed."""
    place = Workspace(workspace)
    place.existing_catalogue(catalogue)
    origin = open_run(workspace, source) if source is not None else None
    texts = _accepted_texts(origin) if accepted else []
    check_options(cluster, workers)
    if detach and cluster is not None:
        raise UserError("--detach cannot be combined with --cluster; start a training on a cluster with nohup.")
    from shelftalk.runs.chosen_settings import choose_settings

    settings = choose_settings(place, run, preset, parse_assignments(assignments or []), origin, accepted)
    token = read_token(token_stdin)
    from shelftalk.cli import output
    from shelftalk.pipeline import train_detached, train_run

    if detach:
        show_started(train_detached(place, catalogue, run, settings, token, origin, texts, output.say), as_json)
        return
    with output.step(f"Training {run}", training_detail(place.run(run))) as progress:
        trained = train_run(
            place, catalogue, run, settings, token, progress, output.say, cluster, workers, origin, texts
        )
    show_trained(trained, as_json)


def _accepted_texts(source: Run | None) -> list[AcceptedText]:
    """Return the texts of `source` that people accepted.

    Raises:
        UserError: there is no source, or nothing of it was accepted.
    """
    if source is None:
        raise UserError("--accepted needs --from RUN: the run whose texts were reviewed.")
    from shelftalk.review.accepted import all_accepted

    texts = all_accepted(source)
    if not texts:
        raise UserError(f"No text of run {source.name!r} was accepted yet; review some with: shelftalk review")
    return texts
