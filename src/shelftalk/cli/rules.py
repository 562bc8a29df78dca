"""`shelftalk rules`: propose house rules from a catalogue's texts, and check them against these texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from shelftalk.cli.options import DEFAULT_WORKSPACE, CatalogueArgument, JsonOption, WorkspaceOption
from shelftalk.workspace import Workspace

if TYPE_CHECKING:
    from shelftalk.catalogue.catalogue import Catalogue
    from shelftalk.records import Product


rules = typer.Typer(
    help="Propose and check house rules: what every description of a shop keeps.",
    rich_markup_mode=None,
)


@rules.command()
def propose(
    catalogue: CatalogueArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False
) -> None:
    """Print the rules that a catalogue's texts keep, as a file of house rules, with the numbers in comments.

    Nothing is written: save the lines that are rules of yours where the message says.
    """
    place = Workspace(workspace)
    folder = place.existing_catalogue(catalogue)
    from shelftalk.catalogue.catalogue import Catalogue
    from shelftalk.cli import output
    from shelftalk.rules.propose import proposals_text, propose_rules

    products = _sample(Catalogue.open(folder))
    proposals = propose_rules(products)
    if as_json:
        output.print_json([one._asdict() for one in proposals])
    elif proposals:
        output.out.print(output.plain(proposals_text(proposals)), markup=False, soft_wrap=True, end="")
        output.say(f"Save what you keep as {place.rules(catalogue)}")
    else:
        output.say(f"{catalogue} has {len(products)} texts, too few to propose rules.")


@rules.command()
def check(
    catalogue: CatalogueArgument, workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False
) -> None:
    """Count how many of a catalogue's own texts break each of its house rules, with an example of each."""
    place = Workspace(workspace)
    folder, file = place.existing_catalogue(catalogue), place.rules(catalogue)
    from shelftalk.catalogue.catalogue import Catalogue
    from shelftalk.cli import output
    from shelftalk.rules.count import count_broken
    from shelftalk.rules.house_rules import read_rules

    found = read_rules(file)
    products = _sample(Catalogue.open(folder))
    broken = count_broken(products, found)
    if as_json:
        output.print_json([{**one._asdict(), "by_all": one.by_all} for one in broken])
        return
    if not file.is_file():
        output.say(f"{catalogue} has no house rules. Propose some with: shelftalk rules propose {catalogue}")
        return
    rows = [
        {
            "rule": f"{one.rule}: {one.missing}" if one.missing else one.rule,
            "broken_by": f"{one.broken} of {one.texts}",
            "example": f"{one.title}: {one.example}",
        }
        for one in broken
    ]
    output.show_rows(rows, f"All {len(products)} texts keep the rules in {file}")
    for one in broken:
        if one.by_all:
            what = f"{one.rule} ({one.missing})" if one.missing else one.rule
            output.say(output.plain(f"Every text breaks the rule {what}: is it meant so?"))


def _sample(catalogue: Catalogue) -> list[Product]:
    """Return the products whose texts are looked at, and say so where they are not all."""
    from shelftalk.cli import output
    from shelftalk.rules.count import SAMPLED, SEED

    products = catalogue.sample(None, SAMPLED, SEED)
    if len(products) < catalogue.count():
        output.say(f"A sample of {len(products):,} of the {catalogue.count():,} texts is looked at.")
    return products
