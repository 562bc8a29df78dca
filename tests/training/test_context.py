"""Other products stand before some prompts, never the product itself except where it is asked for."""

from __future__ import annotations

from shelftalk.models import tiny
from shelftalk.models.tokens import encode_example, encode_text, encode_with_references
from shelftalk.prompts import ENGLISH
from shelftalk.records import Product, Reference
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import encode_products
from shelftalk.training.context import COMMON, MOST, Context, Neighbours, choose_contexts

PRODUCTS = [
    Product(str(number), f"Oak {kind} {number}", f"{kind} {number} of oak.", (("length", f"{number} cm"),))
    for number, kind in enumerate(["Peg", "Rail", "Hook", "Board"] * 100)
]


def with_references(contexts: list[Context]) -> list[tuple[Product, Context]]:
    return [(one, context) for one, context in zip(PRODUCTS, contexts, strict=True) if context.references]


def test_a_seeded_share_has_context_and_half_of_it_is_about_known_titles() -> None:
    contexts = choose_contexts(ENGLISH, PRODUCTS, 0.5, 42)
    assert contexts == choose_contexts(ENGLISH, PRODUCTS, 0.5, 42) != choose_contexts(ENGLISH, PRODUCTS, 0.5, 43)
    found = with_references(contexts)
    known = [(one, context) for one, context in found if context.references[0].uid == one.uid]
    assert abs(len(found) / len(PRODUCTS) - 0.5) < 0.08
    assert abs(len(known) / len(found) - 0.5) < 0.12
    for one, context in found:
        assert 1 <= len(context.references) <= MOST
        assert len({reference.uid for reference in context.references}) == len(context.references)
        if (one, context) in known:
            assert context.request in {
                form.format(title=one.title) for form in ENGLISH.questions
            }  # the row holds the facts
        else:
            assert one.uid not in {reference.uid for reference in context.references}
            assert context.request == ENGLISH.training_request(one)


def test_without_a_share_requests_are_as_before() -> None:
    assert choose_contexts(ENGLISH, PRODUCTS, 0.0, 42) == [
        Context(request, request) for request in map(ENGLISH.training_request, PRODUCTS)
    ]


def test_neighbours_share_the_rarest_words_and_are_other_products() -> None:
    titles = ["Green Oak Peg", "Green Tin", "Oak Peg", "Green Oak Peg", "Lamp", *["Green"] * COMMON]
    products = [Product(str(row), title, f"Text {row}.") for row, title in enumerate(titles)]
    found = Neighbours(products)
    assert [one.uid for one in found.find(0, 3)] == ["2"]  # green is in too many titles; 3 has the same title
    assert found.find(4, 3) == []
    same = [Product("1", "Oak Peg", "One text."), Product("2", "Oak Peg II", "One text.")]
    assert Neighbours(same).find(0, 1) == []  # its description would be copied


def test_a_product_without_neighbours_is_learned_alone() -> None:
    contexts = choose_contexts(ENGLISH, PRODUCTS[:1], 1.0, 42)
    assert [one.request for one in contexts] and len(contexts[0].references) <= 1


def test_as_many_references_stand_before_a_request_as_leave_the_description_whole() -> None:
    _, tokenizer = tiny.make()
    references = [Reference(str(number), f"Peg {number}", "Holds a coat. " * 6, 1.0) for number in range(2)]
    prompts = [
        encode_text(tokenizer, ENGLISH.prompt_with_references("Oak peg", references[:count])) for count in range(3)
    ]
    completion = encode_example(tokenizer, ENGLISH, "Oak peg", "Holds a coat.", 500).labelled_length
    for count in (1, 2):
        room = len(prompts[count]) + completion
        example = encode_with_references(tokenizer, ENGLISH, "Oak peg", references, "Holds a coat.", room)
        assert example and example.complete
        assert example.ids[: example.prompt_length] == prompts[count]
        shorter = encode_with_references(tokenizer, ENGLISH, "Oak peg", references, "Holds a coat.", room - 1)
        assert shorter is None if count == 1 else shorter and shorter.ids[: shorter.prompt_length] == prompts[1]


def test_a_known_product_whose_row_does_not_fit_keeps_its_attributes() -> None:
    """A bare question would teach the model to invent what the description tells."""
    _, tokenizer = tiny.make()
    long = [
        Product(one.uid, one.title, one.description * (8 if row % 2 else 1), one.attributes)
        for row, one in enumerate(PRODUCTS[:40])
    ]
    settings = TrainingSettings(base_model="tiny", context_share=1.0, max_tokens=220)
    examples = encode_products(tokenizer, ENGLISH, long, settings)
    texts = [tokenizer.decode(one.ids[: one.prompt_length]) for one in (examples[row] for row in range(40))]
    assert any("Product description:" in text.partition("Product description:")[2] for text in texts)  # some fit
    for one, text in zip(long, texts, strict=True):
        assert f"{one.description}" in text or "length:" in text
