"""Find leaks: held-out products whose title or description a training product repeats or nearly repeats.

Two titles are nearly the same if the Jaccard similarity of their sets of words is at least 0.8. A description is nearly
repeated if one training description, which may be longer, contains at least 0.8 of its distinct sequences of three
words (shingles). Both are counted exactly. Case and punctuation are ignored; in scripts without spaces between words
every character is a word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.evidence.trained_on import origins
from shelftalk.evidence.words import WORD
from shelftalk.records import Product
from shelftalk.runs.run import Run

NEAR = 0.8
FIELDS = {"title": 1, "description": 3}  # number of words of a shingle


@dataclass(frozen=True, slots=True)
class Leak:
    """A held-out product `uid` whose `field`, title or description, training product `trained` repeats.

    `similarity`, at most 1, is the Jaccard similarity of titles, or the share of a description that is repeated.
    """

    uid: str
    trained: str
    field: str
    similarity: float


def find_leaks(held_out: Sequence[Product], trained: Iterable[Product]) -> list[Leak]:
    """Return the nearest leak of each held-out product that has one, in the order of `held_out`.

    Makes one pass over `trained` and keeps no product of it. A product whose title and description both leak is listed
    with its description, because descriptions are measured.
    """
    matchers = {field: _Matcher([getattr(one, field) for one in held_out], length) for field, length in FIELDS.items()}
    for product in trained:
        for field, matcher in matchers.items():
            matcher.compare(product.uid, getattr(product, field))
    leaks: dict[str, Leak] = {}
    for field, matcher in matchers.items():
        for number, (similarity, uid) in matcher.nearest.items():
            leaks[held_out[number].uid] = Leak(held_out[number].uid, uid, field, round(similarity, 3))
    return [leaks[one.uid] for one in held_out if one.uid in leaks]


def compare_splits(catalogue: Catalogue, source: Run) -> tuple[list[str], list[str]]:
    """Compare a catalogue's split with that of `source`, and of the run that it began from, and so on.

    Returns:
        The uids of the training products that repeat what a source held out, and of the held-out products that repeat
        what a source trained on, both sorted.

    Raises:
        NotFound, Damaged: a source's catalogue was removed, or has changed.
    """
    left_out, seen = set[str](), set[str]()
    held_out = held_out_of(catalogue)
    for run in origins(source):
        theirs = run.catalogue()
        if theirs.data_hash != catalogue.data_hash:  # otherwise both have the same split
            kept = held_out_of(theirs)
            # One pass names one training product for each held-out one.
            while leaks := find_leaks(kept, (one for one in catalogue.products("train") if one.uid not in left_out)):
                left_out |= {leak.trained for leak in leaks}
            seen |= {leak.uid for leak in find_leaks(held_out, run.products())}
    return sorted(left_out), sorted(seen)


def held_out_of(catalogue: Catalogue) -> list[Product]:
    """Return the products that a catalogue holds out, of both splits."""
    return [*catalogue.products("validation"), *catalogue.products("test")]


class _Matcher:
    """Compares many texts with a few fixed ones.

    A text that is near to a fixed one must share a shingle with every large enough subset of its shingles. So an index
    of one such subset for each fixed text is enough; it holds the longest shingles, because they are the rarest.
    """

    def __init__(self, texts: Sequence[str], length: int) -> None:
        self._length = length
        self._fixed = [shingles(text, length) for text in texts]
        self._by_shingle: defaultdict[str, list[int]] = defaultdict(list)
        self.nearest: dict[int, tuple[float, str]] = {}
        for number, own in enumerate(self._fixed):
            part = len(own) - ceil(NEAR * len(own)) + 1
            for shingle in sorted(own, key=lambda one: (-len(one), one))[:part]:
                self._by_shingle[shingle].append(number)

    def compare(self, uid: str, text: str) -> None:
        theirs = shingles(text, self._length)
        for number in {number for shingle in theirs & self._by_shingle.keys() for number in self._by_shingle[shingle]}:
            own = self._fixed[number]
            similarity = len(own & theirs) / len(own | theirs if self._length == 1 else own)
            if similarity >= NEAR and similarity > self.nearest.get(number, (0.0, ""))[0]:
                self.nearest[number] = (similarity, uid)


def shingles(text: str, length: int) -> set[str]:
    """Return the distinct sequences of `length` words of a text; a shorter text is one shingle.

    A text without words (only punctuation) is one shingle.
    """
    words = WORD.findall(text.casefold()) or [text]
    return {" ".join(words[start : start + length]) for start in range(max(1, len(words) - length + 1))}
