"""The prompt template of training and generation. It handles text only: no tokenizer, no model.

A prompt is a request, an empty line and a cue. The request is a bare title or a question about it, and one line
"name: value" for each attribute of the product; the description follows the cue directly and ends with the model's
end-of-sequence token. The questions and the cue are in the catalogue's language, see `template_for`. The base model
gets the same prompt. It was not trained on it, so the cue is in plain words: this keeps the comparison fair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from shelftalk.records import Attributes, Product, Reference

TITLE = "{title}"
SEPARATOR = "\n\n\n"  # between two products
# Limits of a reference's title, its description, and all references: a long one alone could fill a model's context.
TITLE_CHARACTERS, REFERENCE_CHARACTERS, REFERENCES_CHARACTERS = 200, 1200, 3600


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """The words that prompts in one language have around a product.

    `questions` are the forms of a question about it, each with {title}; `cue` is the line before the description.
    """

    questions: tuple[str, ...]
    cue: str

    @property
    def end(self) -> str:
        """The end of a prompt, behind its request."""
        return f"\n\n{self.cue}\n"

    def prompt_for(self, request: str) -> str:
        """Return the prompt for a request, without leading and trailing white space."""
        return request.strip() + self.end

    def prompt_with_references(self, request: str, references: Sequence[Reference]) -> str:
        """Return the prompt for a title or a question with references before it, each in the format of training.

        The nearest reference comes last, where it influences a model most; the farthest are left out if all are too
        long. The generated text may continue with further products: see `first_description`.
        """
        prompt = self.prompt_for(request)
        room = REFERENCES_CHARACTERS
        for one in references:
            title, description = one.title[:TITLE_CHARACTERS], one.description[:REFERENCE_CHARACTERS]
            shown = f"{self.prompt_for(title)}{description}{SEPARATOR}"
            room -= len(shown)
            if room < 0:
                break
            prompt = shown + prompt
        return prompt

    def training_request(self, product: Product) -> str:
        """Return the request for a product in training: its title or a question by a hash of its uid, and attributes.

        Half of the requests are a bare title, as in a catalogue; the others are phrased as a person would.
        """
        forms = (TITLE,) * len(self.questions) + self.questions
        return request_for(_phrase(product, forms), product.attributes)

    def question_for(self, product: Product) -> str:
        """Return a question about a product without its attributes: one of the forms, chosen by a hash of its uid."""
        return _phrase(product, self.questions)


ENGLISH = PromptTemplate(("What is {title}?", "Describe {title}.", "Tell me about {title}."), "Product description:")
# By the language's code. A title follows no article: its gender is not known.
TEMPLATES = {
    "en": ENGLISH,
    "pt": PromptTemplate(("O que é {title}?", "Descreva {title}.", "Fale sobre {title}."), "Descrição do produto:"),
    "es": PromptTemplate(
        ("¿Qué es {title}?", "Describe {title}.", "Cuéntame algo sobre {title}."), "Descripción del producto:"
    ),
    "fr": PromptTemplate(
        ("Qu'est-ce que {title} ?", "Décrivez {title}.", "Dites-m'en plus sur {title}."), "Description du produit :"
    ),
    "de": PromptTemplate(
        ("Was ist {title}?", "Beschreibe {title}.", "Erzähl mir von {title}."), "Produktbeschreibung:"
    ),
    "it": PromptTemplate(
        ("Che cos'è {title}?", "Descrivi {title}.", "Dimmi qualcosa su {title}."), "Descrizione del prodotto:"
    ),
    "nl": PromptTemplate(
        ("Wat is {title}?", "Beschrijf {title}.", "Vertel iets over {title}."), "Productbeschrijving:"
    ),
}


def template_for(language: str) -> PromptTemplate:
    """Return the template of a language, by its ISO 639-1 code; the English one where it has none of its own."""
    return TEMPLATES.get(language, ENGLISH)


def request_for(text: str, attributes: Attributes = ()) -> str:
    """Return the request for a title or a question about it, with one line for each attribute."""
    return "\n".join([text, *(f"{name}: {value}" for name, value in attributes)])


def split_request(request: str) -> tuple[str, Attributes]:
    """Return the title or question of a request, and its attributes; the inverse of `request_for`."""
    first, *lines = request.split("\n")
    pairs = [line.partition(": ") for line in lines]
    if not all(separator for _, separator, _ in pairs):
        return request, ()  # lines that somebody typed
    return first, tuple((name, value) for name, _, value in pairs)


def request_of(product: Product) -> str:
    """Return the request for a product by its title and attributes."""
    return request_for(product.title, product.attributes)


def first_description(text: str) -> tuple[str, bool]:
    """Return the description that `text` begins with, and whether text after it was removed.

    A model with several products in its prompt ends a description by starting the next product. The descriptions of a
    catalogue contain no empty line.
    """
    first, cut, _ = text.strip().partition("\n\n")
    return first.rstrip(), bool(cut)


def _phrase(product: Product, forms: Sequence[str]) -> str:
    choice = int.from_bytes(hashlib.blake2b(product.uid.encode(), digest_size=8).digest(), "big") % len(forms)
    return forms[choice].format_map({"title": product.title})
