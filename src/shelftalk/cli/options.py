"""Command-line options that several commands share, and options made from a settings class."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelftalk.cli.completion import complete_catalogue, complete_preset, complete_run
from shelftalk.cluster.connect import check_options
from shelftalk.errors import UserError
from shelftalk.presets import preset_names
from shelftalk.records import Attributes
from shelftalk.settings import Settings, describe_settings
from shelftalk.workspace import Workspace

if TYPE_CHECKING:
    from shelftalk.runs.run import Run

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", envvar="SHELFTALK_WORKSPACE", help="Folder that holds everything shelftalk makes."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.", autocompletion=complete_run)]
CatalogueArgument = Annotated[
    str,
    typer.Argument(metavar="CATALOGUE", help="Name of a prepared catalogue.", autocompletion=complete_catalogue),
]
TextArgument = Annotated[
    str, typer.Argument(metavar="TEXT", help='A title, or a question such as "What is Mog\'s Kittens?"')
]
TokenOption = Annotated[
    bool, typer.Option("--token-stdin", help="Read the Hugging Face token from standard input (one line).")
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help=f"One of {', '.join(preset_names())}, or a TOML file of settings.",
        autocompletion=complete_preset,
    ),
]
AssignmentsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one setting; may be repeated.")
]
EngineOption = Annotated[
    str, typer.Option("--engine", help="automatic, llama.cpp or transformers; doctor says which is used and why.")
]


def _valid_cluster(cluster: str | None) -> str | None:
    check_options(cluster)
    return cluster


ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        callback=_valid_cluster,
        metavar="HOST:PORT",
        help="Run on this Ray cluster; local starts one on this machine. [default: without Ray, on this machine]",
    ),
]
ReferencesOption = Annotated[int, typer.Option("--references", min=1, max=100, help="How many references.")]
AttributeOption = Annotated[
    list[str] | None,
    typer.Option("--attribute", metavar="NAME=VALUE", help="An attribute of the product; repeatable."),
]
GroundedOption = Annotated[
    bool,
    typer.Option("--grounded", help="Write a text again whose claims nothing supports, or that leaves attributes out."),
]
WithReferencesOption = Annotated[
    bool,
    typer.Option("--with-references", help="Put the references into the prompt, for runs trained with context_share."),
]
DEFAULT_WORKSPACE = Path("workspace")


def with_settings(
    cls: type[Settings], argument: str = "settings"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option to a command for every field of a settings class, and pass the validated settings as an argument.

    Names, defaults and help come from the class, which validates all values at once.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = [one for name, one in inspect.signature(command, eval_str=True).parameters.items() if name != argument]
        names = [one.name for one in fields(cls)]
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    str | None,
                    typer.Option(
                        f"--{name.replace('_', '-')}", help=f"{help_text} [default: {default}]", show_default=False
                    ),
                ],
            )
            for name, default, help_text in describe_settings(cls)
        ]

        @functools.wraps(command)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            given = {name: value for name in names if (value := kwargs.pop(name)) is not None}
            return command(*args, **{argument: cls.from_mapping(given)}, **kwargs)

        keyword_only = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        wrapped.__signature__ = inspect.Signature(keyword_only + added)  # type: ignore[attr-defined]
        return wrapped

    return decorate


def open_run(workspace: Path, name: str) -> Run:
    """Open a run before the pipeline is imported, which is slow: a wrong name fails at once."""
    from shelftalk.runs.run import Run

    return Run.open(Workspace(workspace), name)


def require_text(text: str, name: str = "TEXT", what: str = "a product title or a question") -> None:
    """Check that a text is not blank.

    Raises:
        UserError: it is blank; the message calls it `name` and says `what` it should be.
    """
    if not text.strip():
        raise UserError(f"{name} is empty; give {what}.")


def parse_attributes(run: Run, given: list[str] | None) -> Attributes:
    """Return the attributes given as NAME=VALUE, cleaned as for training, and say which the run was not trained on.

    Names are spelt and ordered as the run knows them. Equal names are joined.

    Raises:
        UserError: one has no "=", or no name or value.
    """
    from shelftalk.catalogue.clean import clean
    from shelftalk.cli.output import say
    from shelftalk.runs.attributes import take_attributes

    pairs = []
    for one in given or ():
        name, equals, value = one.partition("=")
        if not (equals and clean(name) and clean(value)):
            raise UserError(f"--attribute must be NAME=VALUE, got {one!r}; for instance --attribute material=copper")
        pairs.append((name, value))
    return take_attributes(run, pairs, say)


def read_token(from_stdin: bool) -> str | None:
    """Return the first line of standard input if `from_stdin`; with None, the Hub's client finds its own token."""
    return sys.stdin.readline().strip() or None if from_stdin else None
