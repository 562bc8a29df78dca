"""Create a run that may begin from trained weights, and choose from which accepted texts it learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.languages import name_of
from shelftalk.errors import InvalidSettings
from shelftalk.evaluation.leaks import compare_splits, find_leaks, held_out_of
from shelftalk.evidence.trained_on import describe_runs, origins, trained_before, write_record
from shelftalk.extras import require_trackers
from shelftalk.models.chat_template import trained_language
from shelftalk.models.places import find_again
from shelftalk.models.registry import BaseModel, find_model
from shelftalk.prompts import template_for
from shelftalk.records import AcceptedText
from shelftalk.runs.accepted import Accepted, as_products, clean_accepted, one_for_each_product
from shelftalk.runs.describe import warn_of_earlier
from shelftalk.runs.run import Run, open_to_train
from shelftalk.settings import TrainingSettings
from shelftalk.workspace import Workspace


def open_or_create(
    workspace: Workspace,
    catalogue: str,
    name: str,
    settings: TrainingSettings,
    token: str | None,
    source: Run | None,
    accepted: Sequence[AcceptedText],
    say: Callable[[str], None],
) -> Run:
    """Open the run of that name, or create it: see `create_run`; one that failed without a checkpoint is created again.

    One that began from another run is created again only with its source, else it would begin from the base model.
    """
    require_trackers(settings.tracker_names)  # not only when it trains, perhaps hours later or in the background
    if accepted and source is None:
        raise InvalidSettings("Accepted texts are learned by a run that begins from another one; add --from RUN.")
    run = Run.open(workspace, name) if name in workspace.runs() else None
    if run and (run.finished or run.checkpoints.is_dir() or (run.source and not source)):
        run.require_same(catalogue, settings, source, bool(accepted))
        run.base_model(token)
        if source and accepted:
            say_what_is_new(run, source, accepted, say)
        return run
    if source:
        base = source.base_model(token)
    elif run and settings.base_model == run.settings.base_model:
        base = find_again(run.description["base"], settings.base_model, name, workspace, token)
    else:
        base = find_model(settings.base_model, workspace, token)
    return create_run(workspace, name, catalogue, settings, base, source, accepted, say)


def create_run(
    workspace: Workspace,
    name: str,
    catalogue: str,
    settings: TrainingSettings,
    base: BaseModel,
    source: Run | None,
    accepted: Sequence[AcceptedText],
    say: Callable[[str], None],
) -> Run:
    """Create a run on which nothing is measured that the weights it begins from were trained on; see `Run.create`.

    These are those of `base`, which may be an export of an earlier run (see `evidence.trained_on`), and of `source`, if
    one is given: then it holds out what both hold out, and also learns from `accepted` texts, if there are any; see
    `choose_accepted`. `say` hears how many held-out products were trained on, and where the
    weights learned requests in another language.

    Raises:
        NotFinite, Damaged: the source's adapter is of no use; see `models.adapter_files.check_adapter`.
        Damaged: a record of what was trained on cannot be read.
    """
    opened = open_to_train(workspace, catalogue)
    left_out, seen = _compare_with(source, opened) if source else ([], [])
    before = trained_before(base, source)
    held_out = held_out_of(opened)
    if before.titles:
        seen = sorted({*seen, *(one.uid for one in held_out if before.repeats(one))})
    chosen = choose_accepted(accepted, opened, source, left_out, say) if source and accepted else None
    earlier = {"runs": describe_runs(before), "held_out": len(held_out), "seen": len(seen)} if before.runs else None
    run = Run.create(workspace, name, catalogue, settings, base, source, left_out, seen, chosen, earlier)
    if before.runs:
        write_record(run.folder, before)
    if warning := warn_of_earlier(run):
        say(warning)
    learned = source.language if source else trained_language(base.folder)
    if learned and template_for(learned) != run.template:
        say(
            f"The weights that this run begins from learned requests in {name_of(learned)}; its own are in "
            f"{name_of(run.language)}, the language of catalogue {catalogue!r}."
        )
    return run


def _compare_with(source: Run, catalogue: Catalogue) -> tuple[list[str], list[str]]:
    """Return what `compare_splits` does, for a source whose adapter is of use."""
    # Here, because it imports torch, which the first question must not wait for.
    from shelftalk.models.adapter_files import check_adapter

    check_adapter(source.adapter)
    return compare_splits(catalogue, source)


def choose_accepted(
    accepted: Sequence[AcceptedText],
    catalogue: Catalogue,
    source: Run,
    left_out: Sequence[str],
    say: Callable[[str], None] = lambda line: None,
) -> Accepted:
    """Return the texts that a run on `catalogue` learns from, which begins from `source`.

    They are cleaned, and one for each product. `say` hears how many stay out, and why. For `left_out` see
    `without_held_out`.

    Raises:
        InvalidSettings: none is left.
        NotFound, Damaged: see `without_held_out`.
    """
    cleaned = clean_accepted(accepted)
    free = without_held_out(cleaned, catalogue, source, left_out)
    held_out, empty = len(cleaned) - len(free), len(accepted) - len(cleaned)
    if not free:
        raise InvalidSettings(
            f"Nothing can be learned from {len(accepted)} accepted texts: {held_out} are of held-out products, and "
            f"{empty} have no title or no text; accept texts of other products."
        )
    if held_out:
        say(f"{held_out} accepted texts are of held-out products and stay out.")
    if empty:
        say(f"{empty} accepted texts have no title or no text and stay out.")
    return Accepted(one_for_each_product(free, catalogue.products("train")), held_out, empty)


def without_held_out(
    accepted: Sequence[AcceptedText], catalogue: Catalogue, source: Run, left_out: Sequence[str] = ()
) -> list[AcceptedText]:
    """Return the accepted texts of products that neither the catalogue nor `source`, nor its sources, hold out.

    A product is held out if it has the uid of one that the catalogue holds out, or if its title or text repeats that
    of one (see `find_leaks`). The catalogue's training products with the uids `left_out` count as held out.

    Raises:
        NotFound, Damaged: a source's catalogue was removed, or has changed.
    """
    other = set(left_out)
    kept = [*held_out_of(catalogue), *(one for one in catalogue.products("train") if one.uid in other)]
    uids = {one.uid for one in kept}
    for run in origins(source):
        if run.description["data_hash"] != catalogue.data_hash:
            kept += held_out_of(run.catalogue())
    free = [one for one in accepted if one.uid not in uids]
    while leaks := find_leaks(kept, as_products(replace(one, uid=str(row)) for row, one in enumerate(free))):
        leaking = {int(leak.trained) for leak in leaks}
        free = [one for row, one in enumerate(free) if row not in leaking]
    return free


def say_what_is_new(run: Run, source: Run, accepted: Sequence[AcceptedText], say: Callable[[str], None]) -> None:
    """Say how many of the texts accepted now are not among those from which the existing `run` learns."""
    own = {(one.uid, one.text) for one in run.accepted}
    chosen = choose_accepted(accepted, run.catalogue(), source, run.description["left_out"])
    new = sum((one.uid, one.text) not in own for one in chosen.texts)
    if new:
        say(f"{new} texts were accepted or changed since {run.name} began, which goes on without them.")
