"""Portuguese words without their inflection: gender, number and accents."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_PLURALS = (
    ("oes", "ao"),
    ("aes", "ao"),
    ("ais", "al"),
    ("eis", "el"),
    ("ois", "ol"),
    ("uis", "ul"),
    ("ns", "m"),
    ("res", "r"),
    ("zes", "z"),
)


def without_accents(word: str) -> str:
    """Return a word in lower case without accents and cedillas."""
    return "".join(one for one in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(one))


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word in lower case, the singular and the masculine, without accents: "vermelhas" is "vermelho".

    Nouns lose their gender too ("porta" is "porto"): stems are only compared with stems.
    """
    plain = without_accents(word)
    for plural, singular in _PLURALS:
        if plain.endswith(plural) and len(plain) > len(plural) + 1:
            return plain[: -len(plural)] + singular
    if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss"):
        plain = plain[:-1]
    return f"{plain[:-1]}o" if len(plain) > 3 and plain.endswith("a") else plain


def forms(word: str, adjective: bool) -> Iterator[str]:
    """Yield the forms of a noun or an adjective that a text may have, with their accents and without any.

    A noun has only its plural: the feminine of "linho" (linen) would be "linha" (thread).
    """
    for form in (word, *_plural(word), *(_feminine(word) if adjective else ())):
        yield form
        yield without_accents(form)


def _feminine(word: str) -> Iterator[str]:
    if word.endswith("o") and not word.endswith("ão"):
        yield from (f"{word[:-1]}a", f"{word[:-1]}as")


def _plural(word: str) -> Iterator[str]:
    if word.endswith(("al", "el", "ol", "ul")):
        yield f"{word[:-1]}is"
    elif word.endswith("m"):
        yield f"{word[:-1]}ns"
    elif word.endswith("ão"):
        yield f"{word[:-2]}ões"
    elif word.endswith(("r", "z")):
        yield f"{word}es"
    elif not word.endswith(("s", "x")):
        yield f"{word}s"
