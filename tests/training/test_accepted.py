"""A run that learns from the texts that people accepted and edited of another run's texts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import Damaged, InvalidSettings
from shelftalk.models.tokens import load_tokenizer
from shelftalk.prompts import ENGLISH
from shelftalk.records import AcceptedText, Product
from shelftalk.runs.accepted import ACCEPTED, clean_accepted, one_for_each_product
from shelftalk.runs.run import Run
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import encode_products
from shelftalk.training.train import make_plan
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file

SETTINGS = TINY_SETTINGS.replace({"epochs": 1})
HOUSE = " Ships flat from our workshop."


def text(title: str, written: str, uid: str = "", edited: bool = False, line: int = 1) -> AcceptedText:
    return AcceptedText(line, uid, title, (), written, edited)


def of(product: Product, edited: bool = True) -> AcceptedText:
    """Return the accepted text of a product: its description, edited or not."""
    return text(product.title, product.description + HOUSE * edited, product.uid, edited)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the run `first` on the catalogue `pegs`; tests only read that run."""
    root = tmp_path_factory.mktemp("accepted")
    workspace = Workspace(root / "workspace")
    split = PrepareSettings(test_share=0.2, validation_share=0.3)
    pipeline.prepare_catalogue(workspace, write_catalogue_file(root / "pegs.jsonl"), "pegs", split)
    pipeline.train_run(workspace, "pegs", "first", SETTINGS.replace({"validate_every": 0}))
    return workspace


@pytest.fixture
def first(place: Workspace) -> Run:
    return Run.open(place, "first")


def weights(run: Run) -> dict[str, torch.Tensor]:
    return dict(load_file(run.adapter / "adapter_model.safetensors"))


def test_a_text_takes_the_place_of_its_product_and_new_products_come_behind(place: Workspace, first: Run) -> None:
    by_uid, by_title, *others = first.products()
    accepted = [
        of(by_uid),
        text(by_title.title, "Holds  a &amp; b.<br>"),
        text("Brass hook", "Turns once.", uid="hook-1"),
        text("Tin hook", "Turns twice."),
    ]
    run = pipeline.train_run(place, "pegs", "second", SETTINGS, source=first, accepted=accepted)
    products = run.products()
    assert products[: len(others)] == others
    assert {one.title: (one.uid, one.description) for one in products[len(others) :] if one.title != "Tin hook"} == {
        by_uid.title: (by_uid.uid, by_uid.description + HOUSE),
        by_title.title: (by_title.uid, "Holds a & b."),
        "Brass hook": ("hook-1", "Turns once."),
    }
    assert len({one.uid for one in products}) == len(products) == len(first.products()) + 2
    assert pipeline.open_index(run).uids() == {one.uid for one in products}
    assert pipeline.open_spans(run).find(by_uid.description + HOUSE)
    assert (run.description["accepted"]["texts"], run.description["accepted"]["edited"]) == (4, 1)


def test_texts_of_held_out_products_stay_out(place: Workspace, first: Run) -> None:
    catalogue, free = first.catalogue(), first.products()[0]
    tested, validated = catalogue.products("test"), catalogue.products("validation")
    accepted = [
        text("Another name", "Edited from end to end.", uid=tested[0].uid, edited=True),
        text(tested[1].title, "Edited from end to end, too.", edited=True),
        text(validated[0].title.upper(), "Also edited.", uid="elsewhere", edited=True),
        text("A copy", validated[1].description),
        of(free),
        text("Nothing", " "),
    ]
    heard: list[str] = []
    run = pipeline.train_run(place, "pegs", "fair", SETTINGS, source=first, accepted=accepted, say=heard.append)
    assert "4 accepted texts are of held-out products and stay out." in heard
    assert "1 accepted texts have no title or no text and stay out." in heard
    assert [one.text for one in run.accepted] == [free.description + HOUSE]
    assert {key: run.description["accepted"][key] for key in ("held_out", "empty")} == {"held_out": 4, "empty": 1}
    assert {one.uid for one in run.products()} == {one.uid for one in first.products()}


def test_what_the_source_holds_out_stays_out_on_another_catalogue(place: Workspace, first: Run) -> None:
    other = PrepareSettings(test_share=0.3, validation_share=0.1, seed=7)
    pipeline.prepare_catalogue(place, place.root.parent / "pegs.jsonl", "again", other)
    theirs = {one.title for split in ("validation", "test") for one in first.catalogue().products(split)}
    trained = first.products()
    hidden = [of(one) for split in ("validation", "test") for one in first.catalogue().products(split)]
    new = text("Brass hook", "Turns once.")
    run = pipeline.train_run(
        place, "again", "elsewhere", SETTINGS, source=first, accepted=[*hidden, *map(of, trained), new]
    )
    assert not theirs & {one.title for one in run.products()}
    held_out = {one.title for split in ("validation", "test") for one in run.catalogue().products(split)}
    assert {one.title for one in run.accepted} == {one.title for one in trained} - held_out | {"Brass hook"}


def test_an_epoch_has_an_edited_text_as_often_as_the_setting_says(place: Workspace, first: Run) -> None:
    edited, plain, *others = first.products()
    settings = SETTINGS.replace({"edited_weight": 3, "epochs": 2, "plain_share": 0.0})
    accepted = [of(edited), of(plain, edited=False)]
    run = pipeline.train_run(place, "pegs", "weighted", settings, source=first, accepted=accepted)
    tokenizer = load_tokenizer(run.base_model().folder)
    plan = make_plan(run, tokenizer)
    seen = Counter(tuple(one.ids) for update in plan for one in update)
    uids = {edited.uid, plain.uid}
    examples = [tuple(one.ids) for one in encode_products(tokenizer, ENGLISH, run.products(), settings, uids)]
    often = dict(zip([one.uid for one in run.products()], [seen[one] for one in examples], strict=True))
    assert often == {one.uid: 2 for one in (plain, *others)} | {edited.uid: 6}


def test_a_killed_run_resumes_with_its_own_texts_bit_for_bit(place: Workspace, first: Run) -> None:
    settings = SETTINGS.replace({"checkpoint_every": 2})
    accepted = [of(one, edited=number % 2 == 0) for number, one in enumerate(first.products()[:6])]
    whole = pipeline.train_run(place, "pegs", "whole", settings, source=first, accepted=accepted)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError):
        pipeline.train_run(place, "pegs", "cut", settings, source=first, accepted=accepted, progress=stop)
    assert (place.run("cut") / ACCEPTED).read_bytes() == (whole.folder / ACCEPTED).read_bytes()
    grown = [*accepted[1:], replace(accepted[0], text="Changed since."), text("Brass hook", "Turns once.")]
    heard: list[str] = []
    cut = pipeline.train_run(place, "pegs", "cut", settings, source=first, accepted=grown, say=heard.append)
    assert "Going on from update 2." in heard
    assert "2 texts were accepted or changed since cut began, which goes on without them." in heard
    assert all(torch.equal(value, weights(whole)[name]) for name, value in weights(cut).items())
    assert not all(torch.equal(value, weights(first)[name]) for name, value in weights(cut).items())


def test_the_order_of_the_review_does_not_matter(place: Workspace, first: Run) -> None:
    accepted = [of(one) for one in first.products()[:4]]
    one = pipeline.train_run(place, "pegs", "one", SETTINGS, source=first, accepted=accepted)
    two = pipeline.train_run(place, "pegs", "two", SETTINGS, source=first, accepted=accepted[::-1])
    assert all(torch.equal(value, weights(two)[name]) for name, value in weights(one).items())


def test_a_further_run_knows_from_which_texts_the_one_before_it_learned(place: Workspace, first: Run) -> None:
    new = [text("Brass hook", "Turns once to the left and twice to the right.", edited=True)]
    second = pipeline.train_run(place, "pegs", "middle", SETTINGS, source=first, accepted=new)
    file = place.root.parent / "hooks.jsonl"
    file.write_text(
        "".join(
            f'{{"title": "{title}", "content": "{content}"}}\n'
            for title, content in [
                ("Brass hook", "Of cast brass, with one screw."),
                *((f"Zinc bracket {number}", f"Carries {number} kilograms of books.") for number in range(20)),
            ]
        )
    )
    seed = next(seed for seed in range(40) if _holds_out(place, file, seed))
    third = pipeline.train_run(place, f"hooks-{seed}", "third", SETTINGS, source=second)
    assert third.source is not None and third.source.accepted == second.accepted
    (brass,) = [one.uid for one in third.catalogue().products("test") if one.title == "Brass hook"]
    assert third.description["seen"] == [brass]
    assert not third.accepted and third.products() == third.catalogue().products("train")


def _holds_out(place: Workspace, file: Path, seed: int) -> bool:
    split = PrepareSettings(test_share=0.3, validation_share=0.1, seed=seed)
    pipeline.prepare_catalogue(place, file, f"hooks-{seed}", split)
    catalogue = Catalogue.open(place.catalogue(f"hooks-{seed}"))
    return any(one.title == "Brass hook" for one in catalogue.products("test"))


def test_automatic_validation_does_not_choose_weights_against_the_edits(place: Workspace, first: Run) -> None:
    """The held-out products have the catalogue's own texts: nearest to them is what learned the edits least."""
    assert first.count_held_out("validation") >= 8
    run = pipeline.train_run(place, "pegs", "free", SETTINGS, source=first, accepted=[of(first.products()[0])])
    assert not (run.checkpoints / "best").exists()
    without = pipeline.train_run(place, "pegs", "chosen", SETTINGS, source=first)
    assert (without.checkpoints / "best").is_dir()


def test_without_accepted_texts_a_run_has_nothing_of_them(place: Workspace, first: Run) -> None:
    assert not first.accepted
    assert "accepted" not in first.description
    assert not (first.folder / ACCEPTED).exists()
    heavy = SETTINGS.replace({"validate_every": 0, "edited_weight": 9})
    again = pipeline.train_run(place, "pegs", "heavy", heavy)
    assert all(torch.equal(value, weights(first)[name]) for name, value in weights(again).items())


def test_a_replaced_sentence_of_a_person_stays(tiny_model) -> None:
    _, tokenizer = tiny_model
    product = Product("1", "Oak peg", "It is of oak. It was made in Kyoto in 1923.", (("material", "oak"),))
    settings = TrainingSettings(base_model="tiny", unsupported="replace", max_tokens=512)
    learned = encode_products(tokenizer, ENGLISH, [product], settings, accepted={"1"})[0]
    assert "Kyoto" in tokenizer.decode(learned.ids)
    assert "Kyoto" not in tokenizer.decode(encode_products(tokenizer, ENGLISH, [product], settings)[0].ids)


def test_only_accepted_texts_say_where_a_text_ends(tiny_model) -> None:
    """An edit may add a last sentence, and the catalogue's own texts would say that there is none."""
    _, tokenizer = tiny_model
    products = [Product("1", "Oak peg", "Of oak."), Product("2", "Tin peg", "Of tin.", (("material", "tin"),))]
    settings = TrainingSettings(base_model="tiny", plain_share=1.0)
    whole = encode_products(tokenizer, ENGLISH, products, settings)
    learned = encode_products(tokenizer, ENGLISH, products, settings, accepted={"1"})
    assert [one.complete for one in whole] == [True] * 4
    assert [one.complete for one in learned] == [True, False, True, True]
    assert learned[1].ids == whole[1].ids[:-1]


def test_an_edited_text_counts_before_others_then_the_last() -> None:
    title = "Brass hook"
    texts = [text(title, "a"), text(title, "b", edited=True), text(title, "c"), text(title, "d", uid="1")]
    assert [one.text for one in one_for_each_product(texts, [])] == ["d", "b"]
    assert [one.text for one in one_for_each_product([text(title, "a"), text(title, "b")], [])] == ["b"]
    known = one_for_each_product([text(title, "a", uid="7")], [Product("row-3", title, "b")])
    assert [one.uid for one in known] == ["row-3"]
    assert not clean_accepted([text(" ", "a"), text("a", "<p></p>")])


def test_what_cannot_be_learned_is_said(place: Workspace, first: Run) -> None:
    accepted = [of(first.products()[0])]
    with pytest.raises(InvalidSettings, match="--from"):
        pipeline.train_run(place, "pegs", "lost", SETTINGS, accepted=accepted)
    hidden = [of(first.catalogue().products("test")[0])]
    with pytest.raises(InvalidSettings, match="1 accepted texts: 1 are of held-out"):
        pipeline.train_run(place, "pegs", "lost", SETTINGS, source=first, accepted=hidden)
    run = pipeline.train_run(place, "pegs", "taught", SETTINGS, source=first, accepted=accepted)
    with pytest.raises(InvalidSettings, match="accepted texts: True, now False"):
        pipeline.train_run(place, "pegs", "taught", SETTINGS, source=first)
    (run.folder / ACCEPTED).write_bytes(b"PAR1")
    with pytest.raises(Damaged, match=r"accepted\.parquet"):
        Run.open(place, "taught").products()
