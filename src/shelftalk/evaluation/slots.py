"""Check texts exactly against the values of a catalogue's attributes, by plain comparison of words.

The rules of `claims` choose grounded texts. Whatever is chosen or trained with a rule needs a judge that does
not know it: this one shares nothing with them. It is the slot error rate of T.-H. Wen et al., Semantically conditioned
LSTM-based natural language generation (2015), section 5.1, ERR = (missing + redundant) / slots, where a slot is an
attribute. A paraphrased value counts as missing, so that people's own texts are not free of errors: compare with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shelftalk.evidence.words import WORD
from shelftalk.records import Product

LONGEST = 4  # words of a value that is searched in other products' texts: longer ones are sentences, never repeated

Words = tuple[str, ...]


class Slots:
    """The short values of a catalogue's attributes: those that hold a digit, and those that several products have."""

    def __init__(self, products: Iterable[Product]) -> None:
        once: set[Words] = set()
        self._known: set[Words] = set()
        for product in products:
            for value in {_words(value) for _, value in product.attributes}:
                if value in once or any(word.isdecimal() for word in value):
                    self._known.add(value)
                once.add(value)
        self._known = {value for value in self._known if 0 < len(value) <= LONGEST}

    def count_errors(self, text: str, product: Product) -> int:
        """Return the number of the product's values that the text lacks, and of other products' values that it has.

        Of known values that overlap, the first and longest counts. One whose words stand together in the product's
        title or in one of its values is no error.
        """
        words = _words(text)
        own = [_words(value) for _, value in product.attributes]
        missing = sum(not _contains(words, value) for value in own)
        return missing + sum(
            not any(_contains(stated, value) for stated in (_words(product.title), *own)) for value in self._find(words)
        )

    def _find(self, words: Words) -> list[Words]:
        """Return the known values in a text, the longest at each place, without overlap."""
        found, place = [], 0
        while place < len(words):
            lengths = range(min(LONGEST, len(words) - place), 0, -1)
            here = next((one for length in lengths if (one := words[place : place + length]) in self._known), None)
            if here:
                found.append(here)
            place += len(here) if here else 1
        return found


def _words(text: str) -> Words:
    return tuple(WORD.findall(text.casefold()))


def _contains(words: Sequence[str], value: Words) -> bool:
    return any(tuple(words[start : start + len(value)]) == value for start in range(len(words) - len(value) + 1))
