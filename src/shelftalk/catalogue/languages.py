"""Tell the languages of descriptions apart by the words that are common in one of them and rare in the others."""

from __future__ import annotations

import re
from collections import Counter

COMMON = {
    "English": "the and of with for this these is are from your it to",
    "German": "der die das und mit für ist ein eine nicht aus auch",
    "French": "le les des et pour avec est une dans du sur cette",
    "Spanish": "el los las con para es una del por su esta y",
    "Portuguese": "os as com para é uma do da não em dos sem à ao mais e ou",
    "Italian": "il gli con per è una di della che nel sono alla e non",
    "Dutch": "het een en van met voor is niet deze uit ook zijn",
    "Polish": "na do jest się nie oraz dla przez od ze po są",
    "Czech": "na se je pro jsou nebo ze při od až také ke",
    "Slovak": "na sa je pre sú alebo zo pri od až ktoré nie",
    "Croatian": "na se je za su od ili iz koji nije kako sve",
    "Romanian": "și cu pentru este din sau nu pe până fi sunt că",
    "Hungarian": "és az egy nem vagy is hogy van meg ki lehet amely",
    "Finnish": "ja on se ei tai sekä myös että ovat kun voi jotka",
    "Turkish": "ve bir için ile bu da çok olarak her kadar değildir gibi",
    "Catalan": "els les amb per és una del al tota són aquest i",
    "Swedish": "och en ett med för är som av till på den inte",
    "Danish": "og en et med for er som af til på den ikke kan der eller ved",
    "Norwegian": "og en et med for er som av til på den ikke kan eller opptil fra",
}
WORDS: dict[str, list[str]] = {}
for language, words in COMMON.items():
    for common in words.split():
        WORDS.setdefault(common, []).append(language)
CYRILLIC = re.compile("[а-яёіїєґ]", re.IGNORECASE)
# Letters that the others of these do not have.
CYRILLIC_LETTERS = {"Russian": re.compile("[ыэё]", re.IGNORECASE), "Ukrainian": re.compile("[іїєґ]", re.IGNORECASE)}
SCRIPTS = {
    "Greek": re.compile("[α-ω]", re.IGNORECASE),
    "Arabic": re.compile("[\u0621-\u064a]"),
    "Hebrew": re.compile("[\u05d0-\u05ea]"),
    "Japanese": re.compile("[\u3041-\u30fa]"),
    "Korean": re.compile("[\uac00-\ud7a3]"),
    "Chinese": re.compile("[\u4e00-\u9fff]"),
}
LEAD = 1.5  # times the common words of the next language
SHARE = 0.12  # of the words of a text
FEWEST = 3  # common words, or three times as many letters of a script
WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """Return the language of a text, in English; '' where it has too few words, or several fit equally well."""
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
