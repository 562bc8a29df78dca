"""Tell the languages of descriptions apart by the words that are common in one of them and rare in the others."""

from __future__ import annotations

import re
from collections import Counter

COMMON = {
    "English": "the and of with for this these is are from your it to",
    "German": "der die das und mit für ist ein eine nicht aus auch",
    "French": "le les des et pour avec est une dans du sur cette",
    "Spanish": "el los las con para es una del por su esta y",
    "Portuguese": "os as com para é uma do da não em dos sem",
    "Italian": "il gli con per è una di della che nel sono alla",
    "Dutch": "het een en van met voor is niet deze uit ook zijn",
    "Polish": "na do jest się nie oraz dla przez od ze po są",
    "Czech": "na se je pro jsou nebo ze při od až také ke",
    "Swedish": "och en ett med för är som av till på den inte",
}
WORDS: dict[str, list[str]] = {}
for language, words in COMMON.items():
    for common in words.split():
        WORDS.setdefault(common, []).append(language)
SCRIPTS = {
    "Russian": re.compile("[а-яё]", re.IGNORECASE),
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
    for name, letters in SCRIPTS.items():
        if len(letters.findall(text)) >= max(3 * FEWEST, len(WORD.findall(text))):
            return name
    found = Counter(name for word in WORD.findall(text.lower()) for name in WORDS.get(word, ()))
    best = found.most_common(2)
    if not best or best[0][1] < max(FEWEST, SHARE * len(WORD.findall(text))):
        return ""
    if len(best) > 1 and best[0][1] < LEAD * best[1][1]:  # it may be in a neighbour of both
        return ""
    return best[0][0]
