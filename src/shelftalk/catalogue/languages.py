"""Tell the languages of descriptions apart by the words that are common in one of them and rare in the others.

A language is its code in ISO 639-1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

NAMES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "cs": "Czech",
    "sk": "Slovak",
    "hr": "Croatian",
    "ro": "Romanian",
    "hu": "Hungarian",
    "fi": "Finnish",
    "tr": "Turkish",
    "ca": "Catalan",
    "sv": "Swedish",
    "da": "Danish",
    "no": "Norwegian",
    "ru": "Russian",
    "uk": "Ukrainian",
    "el": "Greek",
    "ar": "Arabic",
    "he": "Hebrew",
    "ja": "Japanese",
    "ko": "Korean",
    "zh": "Chinese",
}
COMMON = {
    "en": "the and of with for this these is are from your it to",
    "de": "der die das und mit für ist ein eine nicht aus auch",
    "fr": "le les des et pour avec est une dans du sur cette",
    "es": "el los las con para es una del por su esta y",
    "pt": "os as com para é uma do da não em dos sem à ao mais e ou",
    "it": "il gli con per è una di della che nel sono alla e non",
    "nl": "het een en van met voor is niet deze uit ook zijn",
    "pl": "na do jest się nie oraz dla przez od ze po są",
    "cs": "na se je pro jsou nebo ze při od až také ke",
    "sk": "na sa je pre sú alebo zo pri od až ktoré nie",
    "hr": "na se je za su od ili iz koji nije kako sve",
    "ro": "și cu pentru este din sau nu pe până fi sunt că",
    "hu": "és az egy nem vagy is hogy van meg ki lehet amely",
    "fi": "ja on se ei tai sekä myös että ovat kun voi jotka",
    "tr": "ve bir için ile bu da çok olarak her kadar değildir gibi",
    "ca": "els les amb per és una del al tota són aquest i",
    "sv": "och en ett med för är som av till på den inte",
    "da": "og en et med for er som af til på den ikke kan der eller ved",
    "no": "og en et med for er som av til på den ikke kan eller opptil fra",
}
WORDS: dict[str, list[str]] = {}
for language, words in COMMON.items():
    for common in words.split():
        WORDS.setdefault(common, []).append(language)
CYRILLIC = re.compile("[а-яёіїєґ]", re.IGNORECASE)
# Letters that the others of these do not have.
CYRILLIC_LETTERS = {"ru": re.compile("[ыэё]", re.IGNORECASE), "uk": re.compile("[іїєґ]", re.IGNORECASE)}
SCRIPTS = {
    "el": re.compile("[α-ω]", re.IGNORECASE),
    "ar": re.compile("[\u0621-\u064a]"),
    "he": re.compile("[\u05d0-\u05ea]"),
    "ja": re.compile("[\u3041-\u30fa]"),
    "ko": re.compile("[\uac00-\ud7a3]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
}
LEAD = 1.5  # times the common words of the next language
SHARE = 0.12  # of the words of a text
FEWEST = 3  # common words, or three times as many letters of a script
KNOWN = 0.05  # share of the texts whose language is known: of fewer some may be a mistake
CODE = re.compile("[a-z]{2,3}")
WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """Return the language of a text; '' where it has too few words, or several fit equally well."""
    words = WORD.findall(text.lower())
    fewest = max(3 * FEWEST, len(words))
    if len(CYRILLIC.findall(text)) >= fewest:
        return next((name for name, letters in CYRILLIC_LETTERS.items() if letters.search(text)), "")
    for name, letters in SCRIPTS.items():
        if len(letters.findall(text)) >= fewest:
            return name
    found: Counter[str] = Counter()
    weights: dict[str, float] = {}  # a word of neighbours tells less
    for word in words:
        for name in (names := WORDS.get(word, ())):
            found[name] += 1
            weights[name] = weights.get(name, 0) + 1 / len(names)
    best = sorted(weights.items(), key=lambda one: -one[1])[:2]
    if not best or found[best[0][0]] < max(FEWEST, SHARE * len(words)):
        return ""
    if len(best) > 1 and best[0][1] < LEAD * best[1][1]:  # it may be in a neighbour of both
        return ""
    return best[0][0]


def main_language(texts: Sequence[str]) -> str:
    """Return the language of most texts whose language is known; of all together where those are few; '' if unknown."""
    known = Counter(filter(None, map(language_of, texts)))
    if known.total() >= KNOWN * max(len(texts), 1):
        return known.most_common(1)[0][0]
    return language_of("\n".join(texts))


def code_of(tag: str) -> str:
    """Return the language of a tag such as "pt-BR" or "en_US"; '' where it is none, as a shop's number is."""
    code = tag.strip().replace("_", "-").lower().partition("-")[0]
    return code if CODE.fullmatch(code) else ""


def name_of(code: str) -> str:
    """Return a language's name in English, or its code where that is not known."""
    return NAMES.get(code, code)
