"""Clean one text of a catalogue: entities, markup, boilerplate, control characters, whitespace.

Case, punctuation, accents and emoji stay. `comparable` defines which texts are equal despite small differences.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

PASSES = 8

# A named entity needs its semicolon: without it "Q&A&copying" would become "Q&A©ing".
ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31};|#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?)")

BLOCK_TAGS = (
    "address|article|aside|blockquote|body|br|caption|center|col|colgroup|dd|div|dl|dt|fieldset|figcaption|figure|footer|"
    "form|h[1-6]|head|header|hr|html|iframe|img|input|legend|li|link|main|meta|nav|noscript|object|ol|option|p|picture|pre|"
    "section|select|source|svg|table|tbody|td|textarea|tfoot|th|thead|tr|ul|video"
)
INLINE_TAGS = (
    "a|abbr|acronym|b|bdi|bdo|big|button|cite|code|del|dfn|em|font|i|ins|kbd|label|mark|nobr|q|s|samp|script|small|span|"
    "strike|strong|style|sub|sup|time|tt|u|var|wbr|[ovwx]:[a-z]+"  # the last as in <o:p> of office exports
)
# Only HTML tag names, without attributes or with attributes that have values: "<3", "a < b", "<i am new>" are not tags.
TAG = re.compile(
    rf"</?(?:(?P<block>{BLOCK_TAGS})|{INLINE_TAGS})(?:\s(?=[^<>=]*=)[^<>]*|(?:\s+nowrap|\s+noshade)?\s*/?)>"
    r"|<!doctype[^<>]*>|<\?xml[^<>]*>",
    re.IGNORECASE,
)
HIDDEN = re.compile(r"<!--|<(?P<element>script|style)(?:\s[^<>]*)?>", re.IGNORECASE)
HIDDEN_ENDS = {
    None: re.compile("-->"),
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
}

# "--This text refers to thePaperbackedition.", "– This text refers to an out of print ... edition of this title."
EDITION_NOTE = re.compile(
    r"This\s*text\s*refers\s*to\s*(?:the|an?)[^.]{0,80}?"
    r"edition(?:\s*of\s*this\s*title)?\s*\.?\s*$",
    re.IGNORECASE,
)
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015"  # one of these precedes a note that is not the whole text
EDITION_NOTE_LENGTH = 200
EDITION_END_LENGTH = 40

# Control characters and other characters without meaning here: soft hyphens, invisible spaces and marks, text direction
# marks, tags, lone surrogates, private use, U+FFFD (a replaced character), byte order marks, noncharacters.
UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ud800-\uf8ff"
    "\ufdd0-\ufdef\ufeff\ufff0-\uffff\U000e0000-\U000e007f\U000f0000-\U0010ffff]"
)
ASCII_UNWANTED = {code: None for code in range(128) if UNWANTED.match(chr(code))}
# Zero-width joiners connect emoji and Indic or Persian letters; next to other characters they have no effect.
LONE_JOINER = re.compile(r"(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f\u200c\u200d])")

# Symbols that distinguish products (C++, C#, 50%, R&B, $, @) and characters of other scripts are not separators.
# Translating bytes takes a third of the time of a regular expression, and this runs on every text of a catalogue.
SEPARATORS = bytes(ord(" ") if byte in b"!\"'()*,-./:;<>?[\\]^_`{|}~" else byte for byte in range(256))
FOLDED = SEPARATORS.lower()
WIDE_SEPARATORS = re.compile("[¡§«¶·»¿®©™\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3011]")

# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)


def clean(text: str) -> str:
    """Clean a title or a description; the result is NFC, without markup, control characters or double spaces.

    The steps repeat until nothing changes, so that cleaning is idempotent: `clean(clean(text)) == clean(text)`. This
    also decodes doubly escaped text ("&amp;lt;b&amp;gt;"), in catalogues an error of an export rather than prose about
    HTML. A text that still changes after `PASSES` rounds is adversarial: its '&' and '<' become spaces.
    """
    for _ in range(PASSES):
        cleaned = _pass(text)
        if cleaned == text or _is_settled(cleaned):
            return cleaned
        text = cleaned
    return _pass(re.sub("[&<\u200c\u200d]", " ", text))


def clean_all(texts: Sequence[str]) -> list[str]:
    """Clean each text as `clean` does; most texts that need no cleaning are detected in one vectorised check."""
    return [text if is_clean else clean(text) for text, is_clean in zip(texts, _are_plain(texts), strict=True)]


def plain(text: str) -> str:
    """Return the text in NFC, without unwanted characters, with whitespace collapsed to single spaces and trimmed."""
    printable = text.isprintable()
    if printable:  # so its only white space is U+0020
        spaced = text.strip(" ")
        while "  " in spaced:
            spaced = spaced.replace("  ", " ")
    else:
        spaced = " ".join(text.split())
        printable = spaced.isprintable()
    if not printable or "\ufffc" in spaced or "\ufffd" in spaced:  # the only printable unwanted ones
        wanted = text.translate(ASCII_UNWANTED) if text.isascii() else LONE_JOINER.sub("", UNWANTED.sub("", text))
        spaced = " ".join(wanted.split())
    return spaced if spaced.isascii() else unicodedata.normalize("NFC", spaced)


def comparable(text: str) -> str:
    """Return a key that is equal for two cleaned texts that differ only in case, punctuation or whitespace.

    The key of a text of punctuation only is the text itself.
    """
    return comparables([text])[0].decode()


def comparables(texts: Sequence[str]) -> list[bytes]:
    """Return the `comparable` key of each text, in UTF-8; the texts are processed together."""
    if not texts:
        return []
    lines = [text.replace("\n", " ") for text in texts]  # those of an index may not have been cleaned
    joined = b"\n".join(map(str.encode, [*lines, ""])).translate(FOLDED)
    codes = np.frombuffer(joined if joined.isascii() else _folded(joined), dtype=np.uint8)
    spaces, ends = codes == ord(" "), codes == ord("\n")
    kept = np.append(~(spaces[:-1] & (spaces[1:] | ends[1:])), True)  # keep one space of a run, none before a line end
    folded = codes[kept].tobytes().split(b"\n")[:-1]
    return [one.lstrip(b" ") or text.encode() for one, text in zip(folded, texts, strict=True)]


def _folded(lines: bytes) -> bytes:
    """Fold the characters that are not ASCII, of which each run stands alone: one may become several."""
    wide = np.frombuffer(lines, dtype=np.uint8) > 127
    edges = [0, *(np.flatnonzero(wide[1:] != wide[:-1]) + 1).tolist(), len(lines)]
    runs = [lines[begin:end] for begin, end in pairwise(edges)]
    which = slice(int(not wide[0]), None, 2)
    runs[which] = WIDE_SEPARATORS.sub(" ", b"\n".join(runs[which]).decode().casefold()).encode().split(b"\n")
    return b"".join(runs)


def _are_plain(texts: Sequence[str]) -> list[bool]:
    """Return for each text whether it surely needs no cleaning, in a fraction of the time of a cleaning pass."""
    checked = [text if text.isascii() else "&" for text in texts]
    lengths = np.fromiter(map(len, checked), np.int64, len(checked))
    ends = lengths.cumsum()
    codes = np.frombuffer("".join(checked).encode(), dtype=np.uint8)
    spaces = codes == ord(" ")
    found = (codes < ord(" ")) | (codes == ord("&")) | (codes == ord("<")) | (codes == 127)
    found[1:] |= spaces[1:] & spaces[:-1]
    some = lengths > 0
    for edge in ((ends - lengths)[some], ends[some] - 1):
        found[edge] |= spaces[edge]
    unclean = np.zeros(len(texts), dtype=bool)
    unclean[np.searchsorted(ends, np.flatnonzero(found), side="right")] = True
    return [not one and not _may_have_note(text) for one, text in zip(unclean.tolist(), checked, strict=True)]


def _pass(text: str) -> str:
    if "&" in text:
        text = ENTITY.sub(_character, text)
    if "<" in text:
        text = TAG.sub(lambda tag: " " if tag["block"] else "", _without_hidden(text))
    return _without_edition_note(plain(text))


def _is_settled(cleaned: str) -> bool:
    """Return whether a further pass surely leaves the result of a pass as it is; ASCII of such a one is printable."""
    plain_now = cleaned.isascii() or cleaned.isprintable()
    return plain_now and not ("&" in cleaned or "<" in cleaned or _may_have_note(cleaned))


def _may_have_note(text: str) -> bool:
    return "edition" in text[-EDITION_END_LENGTH:].lower()


def _character(entity: re.Match[str]) -> str:
    return _unescape(entity[0])


_unescape = lru_cache(1000)(html.unescape)


def _without_hidden(text: str) -> str:
    """Remove comments, scripts and styles with their content; an unclosed one stays."""
    kept, position = [], 0
    while start := HIDDEN.search(text, position):
        element = start["element"]
        end = HIDDEN_ENDS[element and element.lower()].search(text, start.end())
        if not end:
            break
        kept += [text[position : start.start()], " "]
        position = end.end()
    return "".join([*kept, text[position:]])


def _without_edition_note(text: str) -> str:
    """Remove all notes at the end that name the edition to which the text belongs."""
    if not _may_have_note(text):
        return text
    end, start = len(text), len(text) - EDITION_NOTE_LENGTH
    while note := EDITION_NOTE.search(text, max(0, start), end):
        before = text[: note.start()].rstrip()
        if before and before[-1] not in DASHES:
            start = note.start() + 1
        else:
            end = len(before.rstrip(DASHES).rstrip())
            start = end - EDITION_NOTE_LENGTH
    return text[:end]
