"""What a run knows of attributes: their names, the columns they were read from, and the order of its products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from shelftalk.catalogue.attributes import spellings
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.records import Attributes

# Spellings of one name: a run that knows one of them takes the other for it.
SPELLINGS = (("colour", "color"), ("colours", "colors"), ("care", "care instructions"), ("size", "sizes"))
USUAL = 0.9  # of the products with attributes, nearly
ORDER_SAMPLE = 2_000  # products, whose attributes give the usual order
NEARLY = 0.75  # of all pairs of attributes; in a random order half are as in training


@dataclass(frozen=True)
class KnownAttributes:
    """The attributes of the products that a model was trained on; all are empty where it was trained on titles alone.

    `names` are the names, the commonest first; `columns` those of the file that they were read from; `usual` the names
    that nearly all products with attributes have; `order` the names in the order of the products, see `usual_order`.
    """

    names: Sequence[str] = ()
    columns: Sequence[str] = ()
    usual: Sequence[str] = ()
    order: Sequence[str] = ()
    spelt: dict[str, str] = field(init=False, repr=False, compare=False)
    places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spelt = spellings(self.names)
        places = {name.casefold(): place for place, name in enumerate(self.order)}
        for pair in SPELLINGS:
            for name, other in (pair, pair[::-1]):
                if name in spelt and other not in spelt:
                    spelt[other] = spelt[name]
                    places.update({other: places[name]} if name in places else {})
        object.__setattr__(self, "spelt", spelt)
        object.__setattr__(self, "places", places)

    def __bool__(self) -> bool:
        return bool(self.names)

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self.spelt

    def commonest(self, count: int) -> list[str]:
        """Return at most `count` names, the commonest, in the order of the products."""
        return sorted(self.names[:count], key=lambda name: self.places.get(name.casefold(), 0))

    def arrange(self, attributes: Attributes) -> Attributes:
        """Return attributes as in training: "Material" may be "material" there, and stand behind the type.

        A model tells attributes in the order of its prompt, and was trained on the products' own order only. Names that
        have no place in it keep theirs, the first stays the first, if the others stand nearly as in training; if these
        stand in any order, as columns by alphabet do, the place says nothing, and they come in the middle.
        """
        placed = [pair for pair in attributes if pair[0].casefold() in self.places]
        rest = [pair for pair in attributes if pair[0].casefold() not in self.places]
        ordered = sorted(placed, key=lambda pair: self.places[pair[0].casefold()])
        if _share_in_order([self.places[name.casefold()] for name, _ in placed]) >= NEARLY:
            following = iter(ordered)
            ordered = [pair if pair in rest else next(following) for pair in attributes]
        else:
            ordered[len(ordered) // 2 : len(ordered) // 2] = rest
        return tuple((self.spelt.get(name.casefold(), name), value) for name, value in ordered)


NOTHING_KNOWN = KnownAttributes()


def _share_in_order(places: Sequence[int]) -> float:
    """Return the share of the pairs of places that ascend; 1 where there are no pairs."""
    pairs = [first < second for first, second in combinations(places, 2)]
    return sum(pairs) / len(pairs) if pairs else 1.0


def usual_attributes(counts: Mapping[str, int]) -> list[str]:
    """Return the names whose number of products is at least `USUAL` of the largest one."""
    most = max(counts.values(), default=0)
    return [name for name, count in counts.items() if count >= USUAL * most]


def attribute_order(catalogue: Catalogue, seed: int, earlier: Sequence[str] | None) -> list[str]:
    """Return the names of a catalogue's attributes, and those of an `earlier` order, in their usual order.

    It is that of a sample of the training products; the earlier order counts as that of one more product.
    """
    known = set(map(str.casefold, catalogue.attribute_names()))
    sample = catalogue.sample("train", ORDER_SAMPLE, seed) if known else ()
    orders = [[name for name, _ in product.attributes if name.casefold() in known] for product in sample]
    return usual_order([*orders, earlier] if earlier is not None else orders)


def usual_order(orders: Iterable[Sequence[str]]) -> list[str]:
    """Return all names of the given orders in one order, against which few pairs of names stand in any of them.

    The order with the fewest such pairs (Kemeny 1959, "Mathematics without numbers") is hard to find. Here each name,
    the commonest first, is put where the fewest contradict it; of several such places, into that nearest to its mean
    place. Names are compared in lower case and returned so.
    """
    before: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    places: Counter[str] = Counter()  # of each name the sum of its places, which lie between 0 and 1
    for names in orders:
        folded = list(dict.fromkeys(name.casefold() for name in names))
        before.update(combinations(folded, 2))
        seen.update(folded)
        for place, name in enumerate(folded):
            places[name] += (place + 0.5) / len(folded)  # type: ignore[assignment]
    order: list[str] = []
    for name, count in seen.most_common():
        contradicting = [sum(before[other, name] for other in order)]
        for other in order:
            contradicting.append(contradicting[-1] + before[name, other] - before[other, name])
        usual = places[name] / count * len(order)
        best = min(range(len(order) + 1), key=lambda place: (contradicting[place], abs(place - usual)))
        order.insert(best, name)
    return order
