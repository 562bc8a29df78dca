"""Find held-out products that are not held out: whose title or description a training product repeats, or nearly so.

Two titles are nearly the same where they share at least 0.8 of all different words of both (Jaccard's similarity). A
description is nearly repeated where at least 0.8 of its different runs of three words stand in one training
description: also in a longer one, of which it may be a part. Both are counted exactly. Case and punctuation do not
count; in scripts that set no spaces between words every character is a word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from shelftalk.evidence.words import WORD
from shelftalk.records import Product

NEAR = 0.8
FIELDS = {"title": 1, "description": 3}  # and the words of a shingle, which is what is compared


@dataclass(frozen=True, slots=True)
class Leak:
    """A held-out product `uid` whose `field`, title or description, training product `trained` repeats.

    `similarity`, at most 1, is Jaccard's of two titles, and of descriptions the part that is repeated.
    """

    uid: str
    trained: str
    field: str
    similarity: float


def find_leaks(held_out: Sequence[Product], trained: Iterable[Product]) -> list[Leak]:
    """Return the nearest leak of each held-out product that has one, in the order of `held_out`.

    Takes one pass over `trained`, of which nothing is kept. A product whose title and description both leak is listed
    with its description, which is what is measured.
    """
    watches = {field: _Watch([getattr(one, field) for one in held_out], length) for field, length in FIELDS.items()}
    for product in trained:
        for field, watch in watches.items():
            watch.look(product.uid, getattr(product, field))
    leaks: dict[str, Leak] = {}
    for field, watch in watches.items():
        for number, (similarity, uid) in watch.nearest.items():
            leaks[held_out[number].uid] = Leak(held_out[number].uid, uid, field, round(similarity, 3))
    return [leaks[one.uid] for one in held_out if one.uid in leaks]


class _Watch:
    """Compares every text that it is shown with a few of its own.

    A text that is near to one of them must share a shingle of any part of it that is large enough, so that only the
    holders of such parts are looked at, of their longest shingles, which are the rarest.
    """

    def __init__(self, texts: Sequence[str], length: int) -> None:
        self._length = length
        self._own = [shingles(text, length) for text in texts]
        self._holders: defaultdict[str, list[int]] = defaultdict(list)
        self.nearest: dict[int, tuple[float, str]] = {}
        for number, own in enumerate(self._own):
            part = len(own) - ceil(NEAR * len(own)) + 1
            for shingle in sorted(own, key=lambda one: (-len(one), one))[:part]:
                self._holders[shingle].append(number)

    def look(self, uid: str, text: str) -> None:
        theirs = shingles(text, self._length)
        for number in {number for shingle in theirs & self._holders.keys() for number in self._holders[shingle]}:
            own = self._own[number]
            similarity = len(own & theirs) / len(own | theirs if self._length == 1 else own)
            if similarity >= NEAR and similarity > self.nearest.get(number, (0.0, ""))[0]:
                self.nearest[number] = (similarity, uid)


def shingles(text: str, length: int) -> set[str]:
    """Return the different runs of `length` words of a text; a text that is shorter is one shingle.

    A text without words, of punctuation alone, is its own shingle.
    """
    words = WORD.findall(text.casefold()) or [text]
    return {" ".join(words[start : start + length]) for start in range(max(1, len(words) - length + 1))}
