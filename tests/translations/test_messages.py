"""Every error and notice that the studio can show has a form in each language, and is read back with its values."""

from __future__ import annotations

import errno
import json
import os
import re
import time

import pytest

from shelftalk.catalogue import prepare
from shelftalk.errors import InvalidSettings
from shelftalk.rules.house_rules import MISTAKES_SHOWN, parse_rules
from shelftalk.translations import messages
from shelftalk.translations.messages import HOLE, has_messages, read_table, translated, translated_part
from shelftalk.translations.rejects import translated_detail
from shelftalk.translations.texts import LANGUAGES
from tests.translations.forms import Text, kinds, template
from tests.translations.said import parts, roots
from tests.translations.source import modules

TRANSLATED = [language for language in LANGUAGES if language != "en"]

# Where messages come from that no page of the studio shows, and why. A module, or all modules of a package.
ELSEWHERE = {
    "api": "answers of the server, which are for programs and in English",
    "cluster": "the studio has no field for a cluster",
    "cli.app": "options that the studio does not give",
    "cli.download": "a command that the studio does not call",
    "catalogue.download": "a command that the studio does not call",
    "cli.estimate": "options that the studio does not give",
    "cli.explain": "options that the studio does not give",
    "cli.options": "options that the studio does not give",
    "cli.record": "a command that the studio does not call",
    "cli.review": "a command that the studio does not call",
    "cli.runs": "options that the studio does not give",
    "cli.train": "options that the studio does not give",
    "library": "called by programs, not by the studio",
    "export.chat": "the studio exports the adapter alone",
    "export.export": "the studio exports the adapter alone",
    "export.formats": "the studio exports the adapter alone",
    "export.gate": "the studio exports the adapter alone",
    "models.merge": "the studio exports the adapter alone",
    "retrieval.chroma": "the command index, and an export; pages search the vectors themselves",
    "studio.launch": "said in the terminal, before there is a page",
    "studio.sign_in": "said in the terminal, before there is a page",
}


# Parts that are made where no message is: the holder of a lock, and how a catalogue of several files is called.
MADE_ELSEWHERE = {"process {1} ({2})", "{1} files"}


def shown() -> dict[str, dict[str, tuple[list[str], str]]]:
    """Return the kinds of the values, and one place, of every message and part that a page can show."""
    texts = {text: where for text, where in roots().items() if not _is_elsewhere(where)}
    return {"messages": _by_template(texts), "parts": _by_template(parts(texts))}


def _is_elsewhere(where: str) -> bool:
    module = where.partition(":")[0]
    return any(module == one or module.startswith(f"{one}.") for one in ELSEWHERE)


def _by_template(texts: dict[Text, str]) -> dict[str, tuple[list[str], str]]:
    found: dict[str, tuple[list[str], str]] = {}
    for text, where in texts.items():
        key, needed = template(text), kinds(text)
        if key in found:
            needed = [one or other for one, other in zip(needed, found[key][0], strict=True)]
        if re.search("[A-Za-z]{2}", HOLE.sub("", key)):
            found[key] = (needed, where)
    return found


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "'" in text or "\n" in text else f"'{text}'"


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_that_the_studio_can_show_is_translated(language: str) -> None:
    table, needed = read_table(language), shown()
    assert len(needed["messages"]) > 200
    known = {key for entries in table.values() for key in entries}
    missing = [
        f"{quoted(key)} = {quoted(_with_kinds(key, of))}  # to [{name}]: the other language; said in {where}"
        for name, found in needed.items()
        for key, (of, where) in sorted(found.items())
        if key not in (table["messages"] if name == "messages" else known)
    ]
    if missing:
        cure = f"Translate these in messages.{language}.toml, or add their module to ELSEWHERE"
        pytest.fail("\n".join([f"{cure}:", *missing]), pytrace=False)


def _with_kinds(key: str, of: list[str]) -> str:
    return HOLE.sub(lambda hole: f"{{{hole[1]}{':' if of[int(hole[1]) - 1] else ''}{of[int(hole[1]) - 1]}}}", key)


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_of_a_message_that_is_gone(language: str) -> None:
    table, needed = read_table(language), shown()
    assert sorted(set(table["messages"]) - set(needed["messages"])) == []
    assert sorted(set(table["parts"]) - set(needed["parts"]) - MADE_ELSEWHERE) == []
    assert [key for key in table["words"] if len(key.split()) > 1 and key.replace(" ", "_") not in table["words"]] == [
        key for key in table["words"] if key.startswith("{1} ")
    ]


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_values_of_its_message(language: str) -> None:
    for name, found in shown().items():
        for key, (needed, where) in found.items():
            target = read_table(language)[name].get(key) or read_table(language)["messages"].get(key)
            if target is None:
                continue  # which another test tells
            holes = [(int(one[1]), one[2] or "") for one in HOLE.finditer(target)]
            assert sorted(number for number, _ in holes) == list(range(1, len(needed) + 1)), (key, target)
            for number, kind in holes:
                assert needed[number - 1] in ("", kind), (key, target, where)


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_message_was_left_in_english(language: str) -> None:
    def words(text: str) -> list[str]:
        return re.findall("[A-Za-z]{2,}", HOLE.sub("", text))

    table = read_table(language)
    alike = {
        key for name in ("messages", "parts") for key, target in table[name].items() if words(key) == words(target)
    }
    assert alike == {"content, description, body, text", "title, name, product name, product title", "script: {1}"}


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_message_is_read_back_with_its_values(language: str) -> None:
    for english, target in read_table(language)["messages"].items():
        if len(HOLE.sub("", english)) < messages.FEW and ":said}" in target:
            continue  # values in it must be known
        said, expected = (HOLE.sub(r"/a_b/v\1", one) for one in (english, target))
        assert translated(said, language) == expected


def test_every_place_without_a_page_has_messages() -> None:
    places = {where.partition(":")[0] for where in roots().values()}
    assert [one for one in ELSEWHERE if not any(f"{place}.".startswith(f"{one}.") for place in places)] == []
    assert set(modules()) >= {one for one in ELSEWHERE if "." in one}


@pytest.mark.parametrize("language", TRANSLATED)
def test_reasons_and_the_words_of_the_system_are_translated(language: str) -> None:
    table = read_table(language)
    documented = re.findall(r"^    (\w+)  ", (prepare.__doc__ or "").partition("reasons for which")[2], re.MULTILINE)
    assert [one for one in documented if one not in table["words"]] == []
    for number in (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOSPC, errno.EROFS, errno.EIO):
        assert os.strerror(number) in table["system"]
        assert os.strerror(number).lower() in table["system"]


PORTUGUESE = {
    "Run 'a' has not finished; go on with: shelftalk train demo --run a": (
        "A execução 'a' não terminou; continue com: shelftalk train demo --run a"
    ),
    # several sentences, each a message
    "epochs must be at least 1, got 0. seed must be a whole number, got 'x'. foo is not a setting; did you mean a?": (
        "epochs deve ser pelo menos 1; foi dado 0. seed deve ser um número inteiro; foi dado 'x'. "
        "foo não é uma configuração; você quis dizer a?"
    ),
    # a cause in a message, with the operating system's words, and a number
    "/tmp/a b.csv cannot be read: permission denied.": "/tmp/a b.csv não pode ser lido: permissão negada.",
    "Cannot write /a/b: the disk is full and this takes 12,345 bytes; free some space and run the same command "
    "again.": (
        "Não é possível gravar /a/b: o disco está cheio e isto ocupa 12.345 bytes; libere espaço e rode o mesmo "
        "comando de novo."
    ),
    # messages in a message in a message
    "x.jsonl gives 3 usable products and at least 10 are needed, since some are held out: 5 rows have invalid_json, "
    "the first in line 3: not valid JSON at character 5 of its line 2: a control character (left out: 5 invalid_json, "
    "2 duplicates); correct these rows.": (
        "x.jsonl tem 3 produtos que podem ser usados e são precisos pelo menos 10, pois alguns ficam reservados: "
        "5 linhas têm JSON inválido, a primeira na linha 3: não é JSON válido no caractere 5 da linha 2 dele: "
        "um caractere de controle (deixados de fora: 5 × JSON inválido, 2 × repetidos); corrija essas linhas."
    ),
    # several mistakes in one file
    "x.rules.toml has 2 mistakes. Line 3: length.most_words must be a whole number from 1 to 100,000, got 'a. b'. "
    "Line 5: foo is no rule; did you mean style?": (
        "x.rules.toml tem 2 erros. Linha 3: length.most_words deve ser um número inteiro de 1 a 100.000; foi dado "
        "'a. b'. Linha 5: foo não é uma regra; você quis dizer style?"
    ),
    # values with words of messages in them, and a line break
    "/tmp/x is in use.csv is a folder; give one file in it.": (
        "/tmp/x is in use.csv é uma pasta; indique um arquivo dentro dela."
    ),
    "There is no file /tmp/a; check the path./b\nc; check the path.": (
        "Não há arquivo /tmp/a; check the path./b\nc; confira o caminho."
    ),
    "demo is in use by process 12 (building the index); wait until it has finished, or stop it.": (
        "demo está em uso por processo 12 (fazendo o índice); espere até que termine, ou pare esse processo."
    ),
}


@pytest.mark.parametrize("message", PORTUGUESE)
def test_a_message_is_said_in_portuguese(message: str) -> None:
    assert translated(message, "pt-BR") == PORTUGUESE[message]
    assert translated(message, "en") == message


UNKNOWN = [
    "x.csv is of no use.",
    "a has b. c",
    "",
    "Something else.",
    "loss",
    "Ótimo; não deu certo.",
    "a red pot, title",
]


@pytest.mark.parametrize("message", UNKNOWN)
def test_what_is_not_known_stays_as_it_is(message: str) -> None:
    assert translated(message, "pt-BR") == message


def test_a_value_that_looks_like_a_message_stays_as_it_is() -> None:
    said = "There is no file Run 'a' is not running: it is finished.; check the path."
    assert translated(said, "pt-BR") == "Não há arquivo Run 'a' is not running: it is finished.; confira o caminho."


def test_a_detail_of_one_word_is_data() -> None:
    assert translated_part("loss", "pt-BR") == "loss"
    assert translated_part("nested too deep", "pt-BR") == "aninhado demais"
    assert translated_part("a JSON array", "pt-BR") == "um JSON do tipo lista"
    assert not has_messages("en")


def test_all_mistakes_of_a_file_are_said_in_portuguese() -> None:
    rules = "\n".join(f"k{number} = 1" for number in range(60))
    with pytest.raises(InvalidSettings) as refused:
        parse_rules(rules.encode(), "shop.rules.toml")
    said = translated(str(refused.value), "pt-BR")
    assert said.count("não é uma regra; as conhecidas são") == MISTAKES_SHOWN
    assert "known" not in said and "Line" not in said


def test_a_hostile_message_takes_no_longer() -> None:
    keys = [HOLE.sub("x", key) for entries in read_table("pt-BR").values() for key in entries]
    nested = "x"
    for _ in range(6):
        nested = f"No row of {nested} can be used: 1 of 2 have {nested}, the first in {nested}; {nested}."
    hostile = [
        nested,
        "; ".join(keys),
        ". ".join(keys),
        " and ".join(keys),
        "a has b; " * 2000,
        "a. " * 6000,
        f"x.csv is {' is damaged (' * 900}; {'; ' * 900}.",
        f"x.csv cannot be read ({'cannot be read (' * 900}); {'); ' * 900}.",
    ]
    for message in hostile:
        begin = time.perf_counter()
        translated.__wrapped__(message[: messages.LONGEST], "pt-BR")
        assert time.perf_counter() - begin < 10, message[:80]  # a twentieth of it where nothing else runs


def test_a_word_of_the_table_among_others_is_data() -> None:
    for title in ("phone charger, adapter", "Mouse, model and base", "Nails; string"):
        assert translated_part(title, "pt-BR") == title
    assert translated_part("5 invalid_json, 2 duplicates", "pt-BR") == "5 × JSON inválido, 2 × repetidos"


DETAILS = {
    ("invalid_json", "nested too deep"): "aninhado demais",
    ("missing_description", "nested too deep"): "nested too deep",
    ("missing_description", "line 3: a number"): "line 3: a number",
    ("duplicate_id", "line 9: id '0000900009'"): "linha 9: código '0000900009'",
    ("duplicate_id", "a, b.csv, line 9: id 'x'"): "a, b.csv, linha 9: código 'x'",
    ("duplicate_product", "line 22: a picture, line 3: x"): "linha 22: a picture, line 3: x",
    ("near_duplicate", "f.csv, line 22: a number"): "f.csv, linha 22: a number",
    ("not_sampled", "phone charger, adapter"): "phone charger, adapter",
}


@pytest.mark.parametrize(("reason", "detail"), DETAILS)
def test_of_a_rejected_row_the_place_is_translated_and_its_data_is_not(reason: str, detail: str) -> None:
    assert translated_detail(reason, detail, "pt-BR") == DETAILS[reason, detail]
    assert translated_detail(reason, detail, "en") == detail
