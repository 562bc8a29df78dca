"""The commands, in the order of the workflow. Each parses its arguments, calls the library and prints the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shelftalk import __version__
from shelftalk.catalogue.settings import NO_ID, PrepareSettings
from shelftalk.cli.dossier import dossier
from shelftalk.cli.download import download
from shelftalk.cli.estimate import estimate
from shelftalk.cli.evaluate import evaluate
from shelftalk.cli.explain import explain as explain_command
from shelftalk.cli.explain import find_evidence, show_evidence
from shelftalk.cli.export import export
from shelftalk.cli.generate import generate
from shelftalk.cli.options import (
    DEFAULT_WORKSPACE,
    AttributeOption,
    CatalogueArgument,
    ClusterOption,
    EngineOption,
    GroundedOption,
    JsonOption,
    ReferencesOption,
    RunArgument,
    TextArgument,
    TokenOption,
    WithReferencesOption,
    WorkspaceOption,
    open_run,
    parse_attributes,
    read_token,
    require_text,
    with_settings,
)
from shelftalk.cli.publish import publish
from shelftalk.cli.review import review
from shelftalk.cli.rules import rules
from shelftalk.cli.runs import runs
from shelftalk.cli.serve import serve
from shelftalk.cli.studio import studio
from shelftalk.cli.train import settings_epilog, train
from shelftalk.errors import UserError
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.workspace import Workspace

# No heavy libraries here: the pipeline is imported by the command that needs it.

app = typer.Typer(
    name="shelftalk",
    help="Teach a small open language model a catalogue's own voice, and show what that changed.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(runs, name="runs")
app.add_typer(rules, name="rules")

COUNT_HELP = "How many held-out products."


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shelftalk {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print a traceback when something fails.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE",
            help="Also record what the terminal shows, with waits shortened, as a .cast file, which asciinema plays.",
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Run all stages on the bundled catalogue: prepare, train, index, compare, evaluate."""
    if record:
        from shelftalk.cli.record import record_command

        raise typer.Exit(record_command(["demo", "--workspace", str(workspace)], record))
    from shelftalk.cli.demo import run_demo

    run_demo(Workspace(workspace))


app.command()(download)


@app.command()
@with_settings(PrepareSettings)
def prepare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="JSON, CSV, TSV, XML feed (also packed), spreadsheet, Parquet, or folders of these.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name for the catalogue.")],
    settings: PrepareSettings,
    no_id: Annotated[bool, typer.Option("--no-id", help="Number the rows, as --id-field none does.")] = False,
    cluster: ClusterOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Read products from files, clean them, and split them into a catalogue to train on."""
    from shelftalk.catalogue.catalogue import Catalogue
    from shelftalk.catalogue.concerns import find_concerns
    from shelftalk.cli import output, prepared
    from shelftalk.evidence.support import sample_support
    from shelftalk.pipeline import prepare_catalogue

    if no_id:
        if settings.id_field not in (None, NO_ID):
            raise UserError(f"--no-id numbers the rows, and --id-field {settings.id_field} does not; give one of them.")
        settings = settings.replace({"id_field": NO_ID})
    what = files[0].name if len(files) == 1 else f"{len(files)} files"
    with output.step(f"Preparing {what}") as progress:
        summary = prepare_catalogue(Workspace(workspace), files, name, settings, progress, cluster)
    if as_json:
        output.print_json(summary)
        return
    split = ", ".join(f"{count} {part}" for part, count in summary["split"].items())
    output.out.print(f"{summary['kept']} of {summary['read']} rows kept: {split}.", markup=False)
    for reason, count in summary["rejected"].items():
        output.out.print(f"  {count} left out: {reason.replace('_', ' ')}", markup=False)
    prepared.show_sources(summary["source"])
    if numbered := summary["no_id"]:
        prepared.show_no_id(numbered["column"], numbered["rows"])
    prepared.show_columns(summary["columns"])
    prepared.show_attribute_columns(summary)
    prepared.show_language(summary)
    folder = Workspace(workspace).catalogue(name)
    catalogue = Catalogue.open(folder)
    if summary["split"]["train"]:
        output.show_forecast(sample_support(catalogue))
    prepared.show_concerns(find_concerns(catalogue))
    output.out.print(f"Every row left out is listed in {folder / 'rejects.jsonl'}", markup=False, soft_wrap=True)


@app.command()
def inspect(
    catalogue: CatalogueArgument,
    base_model: Annotated[
        str, typer.Option("--base-model", help="Base model whose tokenizer counts the lengths in tokens.")
    ] = TrainingSettings.base_model,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Show a catalogue's splits, lengths, what a maximum length would cut, attributes, and the rows left out.

    For each attribute also the share of the descriptions' claims that it supports, in a sample of 200 products.
    """
    place = Workspace(workspace)
    folder = place.existing_catalogue(catalogue)
    from shelftalk.catalogue.catalogue import Catalogue
    from shelftalk.catalogue.concerns import find_concerns
    from shelftalk.catalogue.describe import describe
    from shelftalk.cli import output, prepared
    from shelftalk.cli.estimate import count_tokens
    from shelftalk.evidence.support import sample_support

    opened = Catalogue.open(folder)
    concerns = find_concerns(opened)
    description = {
        **describe(opened),
        "support": sample_support(opened),
        "concerns": [one._asdict() for one in concerns],
        "tokens": count_tokens(place, opened, base_model),
    }
    if as_json:
        output.print_json(description)
    else:
        output.show_catalogue(catalogue, description)
        prepared.show_language(description)
        prepared.show_concerns(concerns)


app.command()(estimate)


app.command(epilog=settings_epilog())(train)


@app.command()
def index(
    run: RunArgument,
    embedder: Annotated[
        str,
        typer.Option(
            "--embedder",
            show_default=False,
            help="all-MiniLM-L6-v2 (English), multilingual-e5-small (extra multilingual), or a sentence-transformers "
            "model: a Hub id or a folder. [default: that of the run's index, or all-MiniLM-L6-v2]",
        ),
    ] = "",
    cluster: ClusterOption = None,
    token_stdin: TokenOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Index exactly the products that a run trains on, so that they can be found as references."""
    opened = open_run(workspace, run)
    from shelftalk.catalogue.languages import name_of
    from shelftalk.cli import output
    from shelftalk.models.embedders import MINILM
    from shelftalk.models.multilingual_e5 import NAME as MULTILINGUAL
    from shelftalk.pipeline import index_run

    with output.step(f"Indexing {run}") as progress:
        result = index_run(opened, progress, cluster, embedder, read_token(token_stdin))
    if as_json:
        output.print_json(result)
    else:
        line = f"{result['products']} products indexed in {opened.index} with {result['embedder']}"
        output.out.print(line, markup=False, soft_wrap=True)
    if result["embedder"] == MINILM.name and opened.language != "en":
        output.say(
            f"{MINILM.name} is an English embedder, and these products are in {name_of(opened.language)}: "
            f"--embedder {MULTILINGUAL} finds more of them."
        )


@app.command()
@with_settings(DecodingSettings)
def ask(
    run: RunArgument,
    text: TextArgument,
    settings: DecodingSettings,
    attribute: AttributeOption = None,
    references: ReferencesOption = 3,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what the answer after fine-tuning copied, and what it claims.")
    ] = False,
    grounded: GroundedOption = False,
    with_references: WithReferencesOption = False,
    engine: EngineOption = "automatic",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Describe a product before and after fine-tuning, with the training products nearest to it."""
    require_text(text)
    opened = open_run(workspace, run)
    from shelftalk.cli import output
    from shelftalk.pipeline import ask as ask_run

    attributes = parse_attributes(opened, attribute)
    stream = output.AnswerStream()
    on_text = None if as_json else stream.show
    answer = ask_run(
        opened, text, settings, references, on_text, engine, output.say, grounded, attributes, with_references
    )
    evidence = find_evidence(opened, answer) if explain else {}
    if as_json:
        output.print_json({**answer.as_mapping(), **evidence})
        return
    stream.end()
    output.show_references(answer.references)
    if explain:
        show_evidence(answer.tuned.text, evidence, answer.attributes)


app.command()(explain_command)


@app.command()
@with_settings(DecodingSettings)
def compare(
    run: RunArgument,
    settings: DecodingSettings,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help=COUNT_HELP)] = 3,
    pick: Annotated[int, typer.Option("--pick", help="Seed that picks the products.")] = 42,
    references: ReferencesOption = 3,
    engine: EngineOption = "automatic",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Show held-out products before and after, beside their true descriptions and references."""
    opened = open_run(workspace, run)
    from shelftalk.cli import output
    from shelftalk.pipeline import compare_held_out

    with output.step(f"Writing {count} descriptions twice") as progress:
        pairs = compare_held_out(opened, count, settings, references, pick, progress, engine, output.say)
    if as_json:
        output.print_json([{**answer.as_mapping(), "true": product.description} for product, answer in pairs])
        return
    for product, answer in pairs:
        output.show_comparison(answer, product.description)


app.command()(generate)
app.command()(review)
app.command()(publish)
app.command()(evaluate)
app.command()(serve)
app.command()(dossier)


app.command()(export)
app.command()(studio)


@app.command()
def doctor(workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False) -> None:
    """Check this machine: versions, device, number format, packages, workspace, disk, token."""
    from shelftalk.cli import output
    from shelftalk.cli.doctor import examine

    found = examine(Workspace(workspace))
    if as_json:
        output.print_json(found)
    else:
        output.show_rows(
            [{"check": key.replace("_", " "), "found": value} for key, value in found.items() if value is not None], ""
        )
    if not all(found[key] for key in ("embedded_model_installed", "embedder_installed", "workspace_writable")):
        raise typer.Exit(1)
