"""The dossier of a run: complete in both languages, honest about what is missing, and safe whatever the texts are."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import shutil
import string
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer.main

from shelftalk.catalogue.concerns import Concern
from shelftalk.cli.app import app
from shelftalk.cli.main import run as run_command
from shelftalk.dossier import dossier
from shelftalk.dossier.commands import commands, nearest_preset
from shelftalk.dossier.dossier import (
    MOST_QUESTIONS,
    compose,
    find_examples,
    read_questions,
    write_dossier,
)
from shelftalk.dossier.facts import Example, Facts, read_facts, read_measured
from shelftalk.dossier.verdict import verdict
from shelftalk.errors import NotFound, NotWritable, UserError
from shelftalk.evaluation.blocks import Block, Group, Heading, Items, Table
from shelftalk.evaluation.render import render_html, render_markdown, render_pictures
from shelftalk.presets import load_preset
from shelftalk.records import Comparison, Description, Product, Reference
from shelftalk.runs.metrics import TrainingLoss, Validation
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.translations.texts import LANGUAGES, texts
from shelftalk.translations.words import Words
from shelftalk.workspace import MANIFEST, Workspace, lock, sha256, write_json
from tests.evaluation.test_report import MALICIOUS, ParsedPage, with_gains

ENGLISH, PORTUGUESE = map(Words, ("en", "pt-BR"))


@pytest.fixture(scope="module")
def copy(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of the tiny run, in whose workspace a dossier may leave its lock."""
    root = shutil.copytree(tiny_run.workspace.root, tmp_path_factory.mktemp("dossier") / "workspace")
    return Run.open(Workspace(root), tiny_run.name)


@pytest.fixture(scope="module")
def written(copy: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A dossier that the command wrote, with two questions, and what it returned."""
    folder = tmp_path_factory.mktemp("written")
    questions = folder / "questions.txt"
    questions.write_text("What is the <b>oak</b> peg?\n\n  Brass   hook \n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dossier, "SHOWN", 2)  # what a model of random weights writes is long
        return folder / "out", write_dossier(copy, folder / "out", "pt-BR", read_questions(questions))


@pytest.fixture(scope="module")
def facts(copy: Run) -> Facts:
    """The facts of the tiny run, without texts that a model would have to write."""
    return read_facts(copy, None, [], False, [])


def example(title: str = "Copper kettle, 2 l", text: str = "A copper kettle of 3 l in brass.") -> Example:
    near = [Reference("7", "Steel kettle", "It holds 1 l.", 0.5432)]
    before, after = Description("Kettle. " * 9, False, 9), Description(text, True, 9)
    attributes = {"material": "copper", "capacity": "2 l"}
    return Example("A kettle of 2 l.", Comparison(title, before, after, near, attributes))


def rich(facts: Facts) -> Facts:
    """Return facts with everything that a dossier can tell."""
    evaluation = {**with_gains(), "earlier": {"seen": 2, "held_out": 9, "known": False}}
    rejected = {"duplicate_product": 2, "invalid_json": 1, "missing_title": 1}
    details = {
        "duplicate_product": "line 3: Peg, adapter",
        "invalid_json": "not valid JSON at character 9: it is cut off within a text",
        "missing_title": "line 3: a number",
    }
    return replace(
        facts,
        catalogue={
            **facts.catalogue,
            "read": 34,
            "rejected": rejected,
            "examples": {
                reason: [{"file": "f", "line": 9, "reason": reason, "detail": details[reason]}] for reason in rejected
            },
            "attributes": [{"name": "material", "products": 9, "values": ["copper", "oak"]}],
        },
        concerns=[Concern("short", 0.25, 8, "Peg.")],
        first=Product("1", "Peg", "An oak peg.", (("material", "oak"),)),
        metrics=[
            {"step": 0, "validation_loss": 1.25},
            {"step": 1, "loss": 2.5},
            {"step": 2, "loss": 1.5},
            {"step": 2, "validation_loss": 0.75},
        ],
        loss=TrainingLoss(2.5, 1.5),
        best=Validation(1.25, 0.75, 2),
        evaluation=evaluation,
        examples=[example(), example("Oak peg")],
        measured=True,
        answers=[example("What is a kettle?").comparison],
        state={**facts.state, "seconds": 5025.0, "peak_memory": 3 * 2**29, "machine": {"cpu": "X", "cores": 4}},
    )


def headings(blocks: list[Block]) -> Iterator[tuple[int, str]]:
    for block in blocks:
        if isinstance(block, Group):
            yield from headings(list(block.blocks))
        elif isinstance(block, Heading):
            yield block.level, block.text


def test_a_dossier_needs_only_a_finished_run_and_says_what_was_not_done(written: tuple[Path, dict[str, Any]]) -> None:
    folder, result = written
    page, markdown = ((folder / name).read_text(encoding="utf-8") for name in ("dossier.html", "dossier.md"))
    assert (result["measured"], result["examples"], result["questions"]) == (False, 2, 2)
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == result["pictures"]
    words = texts("pt-BR")
    for said in ("dossier.measures.none", "dossier.data.leak_unchecked", "dossier.data.attributes_none"):
        assert words[said].partition("{")[0] in html.unescape(page)
    assert words["dossier.curves.no_validation"] in html.unescape(page)
    assert "What is the \\<b\\>oak\\</b\\> peg?" in markdown
    assert "What is the &lt;b&gt;oak&lt;/b&gt; peg?" in page
    assert "Brass hook" in page
    for name in result["pictures"]:
        assert f"](pictures/{name})" in markdown
    assert ParsedPage(page).loaded == []
    assert not {"script", "img", "link", "iframe"} & set(ParsedPage(page).elements)
    assert "default-src 'none'" in page


def test_no_path_of_this_machine_is_in_it(written: tuple[Path, dict[str, Any]], copy: Run, facts: Facts) -> None:
    root = str(copy.workspace.root.parent)
    files = [path for path in written[0].rglob("*") if path.is_file()]
    assert not any(root in path.read_text(encoding="utf-8") for path in files)
    base = {**copy.description["base"], "name": "/home/ana/models/little-gemma"}
    settings = {**copy.description["settings"], "base_model": "/home/ana/models/little-gemma"}
    run = replace(copy, description={**copy.description, "base": base, "settings": settings})
    page = render_html(compose(replace(facts, run=run), PORTUGUESE), PORTUGUESE)
    assert "little-gemma" in page
    assert "/home/ana" not in page


def test_both_languages_have_the_same_parts(facts: Facts) -> None:
    for one in (facts, rich(facts)):
        english, portuguese = (compose(one, words) for words in (ENGLISH, PORTUGUESE))
        assert list(map(type, english)) == list(map(type, portuguese))
        levels = [level for level, _ in headings(english)]
        assert levels == [level for level, _ in headings(portuguese)]
        assert [len(block.rows) for block in english if isinstance(block, Table)] == [
            len(block.rows) for block in portuguese if isinstance(block, Table)
        ]
    numbered = [text for level, text in headings(compose(rich(facts), ENGLISH)) if level == 2]
    assert [text.partition(". ")[0] for text in numbered] == [str(number) for number in range(1, 14)]


def fixed_phrases(language: str) -> set[str]:
    """Return what stands between the placeholders of a language's texts, of four words or more."""
    pieces = (piece for text in texts(language).values() for piece, *_ in string.Formatter().parse(text))
    return {piece.strip() for piece in pieces if len(piece.split()) >= 4}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_dossier_speaks_one_language(facts: Facts, language: str) -> None:
    words = Words(language)
    other = next(one for one in LANGUAGES if one != language)
    page = html.unescape(re.sub(r"<[^>]*>", "", render_html(compose(rich(facts), words), words)))
    own = [phrase for phrase in fixed_phrases(language) if phrase in page]
    assert len(own) > 120
    assert [phrase for phrase in fixed_phrases(other) if phrase in page] == []
    if language == "pt-BR":
        assert "not valid JSON" not in page
        assert not re.search(r"\b\d+\.\d+ (antes|depois|MiB|%)", page)
        assert "1,250" in page  # the validation loss
        assert "linha 9: repete a linha 3: Peg, adapter" in page
        assert "linha 9: line 3: a number" in page  # a title that reads as one of shelftalk's words


def test_claims_are_marked_by_kind_with_their_reasons(facts: Facts) -> None:
    blocks = compose(rich(facts), ENGLISH)
    page, markdown = render_html(blocks), render_markdown(blocks)
    assert '<mark class="contradicted">3 l</mark>' in page
    assert "<mark>brass</mark>" in page
    assert '<mark class="supported">copper</mark>' in page.casefold()
    assert "***3 l***" in markdown and "**brass**" in markdown and "*copper*" in markdown
    assert "“3 l”: the attribute capacity says otherwise" in markdown
    assert "not told: capacity" in markdown
    assert "Steel kettle (similarity 0.54)" in markdown


def test_sources_say_what_they_stand_for_and_where_nothing_is_near(facts: Facts) -> None:
    one = example().comparison
    far = [Reference("8", "Red kite", "Red.", 0.1, False)]
    near = [Reference("7", "Steel kettle", "It holds 1 l.", 0.7, True, 9), *far]
    shown = replace(rich(facts), answers=[replace(one, references=near), replace(one, references=far)])
    english, portuguese = (render_markdown(compose(shown, words)) for words in (ENGLISH, PORTUGUESE))
    assert ": Steel kettle (similarity 0.70, and 9 like it); Red kite (similarity 0.10, not near)." in english
    assert "or question. The nearest of them all the same: Red kite (similarity 0.10, not near)." in english
    assert "(semelhança 0,70, e mais 9 como este); Red kite (semelhança 0,10, não é próximo)." in portuguese
    assert english.count("Nothing near") == portuguese.count("Nada próximo") == 1


def test_the_literature_is_that_of_the_run(facts: Facts, copy: Run) -> None:
    markdown = render_markdown(compose(facts, PORTUGUESE))
    assert "Bibliografia" in markdown and "arXiv:2106.09685" in markdown and "acrescente as duas coisas" in markdown
    assert not any(one in markdown for one in ("DoRA", "Gemma 3 Technical Report", "Popović"))
    assert "Popović" in render_markdown(compose(rich(facts), ENGLISH))
    settings = {**copy.description["settings"], "lora_variant": "dora"}
    base = {**copy.description["base"], "name": "google/gemma-3-1b-pt"}
    run = replace(copy, description={**copy.description, "settings": settings, "base": base})
    markdown = render_markdown(compose(replace(facts, run=run), ENGLISH))
    assert "Gemma 3 Technical Report" in markdown and "arXiv:2402.09353" in markdown


def test_a_setting_stands_with_the_name_that_a_command_takes(facts: Facts) -> None:
    markdown = render_markdown(compose(facts, PORTUGUESE))
    assert r"Taxa de aprendizado (learning\_rate)" in markdown and r"Temperatura (temperature)" in markdown


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "so the model knows only its words"), (0.5, "stood in the prompt, for both")]
)
def test_a_run_that_learned_with_references_answers_from_them(
    share: float, said: str, copy: Run, facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(
        copy, description={**copy.description, "settings": copy.description["settings"] | {"context_share": share}}
    )
    given: list[bool] = []

    def answer(run: Run, asked: Any, *options: Any) -> list[Comparison]:
        given.append(options[-1])
        return [example("What is a kettle?").comparison]

    monkeypatch.setattr(dossier, "compare_all", answer)
    monkeypatch.setattr(dossier, "find_examples", lambda *_: ([], False))
    write_dossier(run, tmp_path / "out", questions=["What is a kettle?"])
    assert given == [bool(share)]
    assert said in (tmp_path / "out" / "dossier.md").read_text(encoding="utf-8")


def test_what_beats_it_is_named_before_what_it_is_good_for(facts: Facts) -> None:
    evaluation = with_gains()
    pair = next(one for one in evaluation["differences"] if one["before"] == "random_description")
    pair["measures"]["chrf_above"]["verdict"] = "worse"
    markdown = render_markdown(compose(replace(rich(facts), evaluation=evaluation), ENGLISH))
    section = markdown[markdown.index("10. The measures") :]
    beaten = section.index("A random product's text: better in chrF++ above other products")
    assert beaten < section.index("May I use it?") < section.index("How much better") < section.index("gets wrong")


@pytest.mark.parametrize(
    ("shown", "rate", "said"),
    [
        ("worse", 0.0, "worse"),
        ("not shown", 0.0, "no_gain"),
        ("better", 0.0, "drafts_none"),
        ("better", 0.2, "drafts_few"),
        ("better", 3.0, "drafts_many"),
    ],
)
def test_the_verdict_follows_the_measures(shown: str, rate: float, said: str) -> None:
    result = with_gains()
    for one in result["differences"]:
        one["measures"]["chrf_above"]["verdict"] = shown
    result["tuned"]["unsupported_per_100_words"] = rate
    for words in (ENGLISH, PORTUGUESE):
        expected = words.text(f"dossier.measures.{said}", rate="@", each="@", texts="@", n="@").partition("@")[0]
        assert verdict(result, words).startswith(expected)
    few = {**result, "too_few": "3 products are too few."}
    assert verdict(few, ENGLISH) == ENGLISH.text("dossier.measures.too_few", n="24")
    foreign = {**result, "english": False}
    if shown == "better":
        assert verdict(foreign, ENGLISH) == ENGLISH.text("dossier.measures.drafts_unknown")


def test_no_text_of_data_or_model_becomes_markup(facts: Facts) -> None:
    nasty = example(MALICIOUS, MALICIOUS)
    product = Product("1", MALICIOUS, f"~~~~\n{MALICIOUS}\n# heading", ((MALICIOUS, MALICIOUS),))
    full = rich(facts)
    catalogue = {
        **full.catalogue,
        "attributes": [{"name": MALICIOUS, "products": 1, "values": [MALICIOUS]}],
        "examples": {"missing_title": [{"file": "f", "line": 1, "reason": "missing_title", "detail": MALICIOUS}]},
        "rejected": {"missing_title": 1},
        "source": {"name": MALICIOUS, "bytes": 1},
    }
    full = replace(full, catalogue=catalogue, examples=[nasty], answers=[nasty.comparison], first=product)
    blocks = compose(full, PORTUGUESE)
    parsed = ParsedPage(render_html(blocks, PORTUGUESE))
    assert not {"script", "img", "a", "iframe"} & set(parsed.elements)
    assert parsed.loaded == []
    markdown = render_markdown(blocks)
    outside = re.sub(r"^(~{3,})text\n.*?\n\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert "alert(1)" in outside
    pictures = re.sub(r"!\[[^\n]*\]\(pictures/\w+\.svg\)", "", outside)
    assert re.search(r"(?<!\\)[<\[]", pictures) is None
    for picture in render_pictures(blocks, PORTUGUESE).values():
        assert not any(one.tag.endswith("script") for one in ElementTree.fromstring(picture).iter())


def test_pictures_stand_alone_and_hold_no_number_that_is_none(facts: Facts) -> None:
    odd = replace(rich(facts), metrics=[{"step": 1, "loss": 0.0}], best=None, words=[0])
    for one in (facts, rich(facts), odd):
        for picture in render_pictures(compose(one, ENGLISH)).values():
            root = ElementTree.fromstring(picture)
            assert any(child.tag.endswith("style") for child in root)
            assert "nan" not in picture and "inf" not in picture


def test_a_run_of_an_earlier_version_says_what_was_not_recorded(facts: Facts) -> None:
    state = {"steps": 30, "seconds_per_step": 0.5, "tokens_per_second": 100.0, "device": "cpu"}
    old = render_markdown(compose(replace(facts, state=state), PORTUGUESE))
    assert "cerca de 15 s: 30 atualizações de 0,50 s" in old
    assert "treinou esta execução: processador, núcleos, memória da máquina, pico de memória do treino." in old
    new = render_markdown(compose(rich(facts), PORTUGUESE))
    assert "1 h 24 min" in new and "1,5 GiB" in new
    assert "cerca de" not in new[new.index("Tempo, máquina") : new.index("Produtos reservados, antes")]


def test_a_run_that_began_from_another_and_variants_of_lora_are_told(facts: Facts, copy: Run) -> None:
    settings = {**copy.description["settings"], "lora_variant": "rslora", "lora_alpha": 16, "lora_rank": 4}
    description = {**copy.description, "source": {"run": "first", "adapter": "x"}, "settings": settings}
    markdown = render_markdown(compose(replace(facts, run=replace(copy, description=description)), PORTUGUESE))
    assert "16 / √4 = 8,00" in markdown
    assert "As matrizes começaram como as da execução “first”" in markdown
    assert "shelftalk train pegs --run pegs --from first" in markdown
    settings["lora_variant"] = "dora"
    assert "(DoRA)" in render_markdown(compose(replace(facts, run=replace(copy, description=description)), ENGLISH))


def test_of_another_language_no_claim_is_marked(facts: Facts) -> None:
    blocks = compose(replace(rich(facts), claims_checked=False), PORTUGUESE)
    page, markdown = render_html(blocks, PORTUGUESE), render_markdown(blocks)
    assert PORTUGUESE.text("dossier.examples.claims_unknown") in page
    assert PORTUGUESE.text("dossier.limits.language") in page
    legend = page.index("Como as afirmações")
    assert "<mark" not in page[page.index("</blockquote>", legend) :]
    assert "Afirmações no texto depois" not in markdown and "Atributos ditos: 1 de 2" in markdown


def test_the_commands_are_those_of_the_run(facts: Facts, copy: Run) -> None:
    summary = {**facts.catalogue, "source": {"name": "my pegs.csv", "bytes": 1}}
    lines = commands(copy, summary, "pt-BR", True)
    assert lines[0] == "export SHELFTALK_WORKSPACE=./workspace"
    program: Any = typer.main.get_command(app)
    parsed = {}
    for line in lines[1:]:
        _, name, *arguments = shlex.split(line)
        command = program.commands[name]
        parsed[name] = command.make_context(name, arguments, resilient_parsing=False).params
    assert parsed["prepare"]["test_share"] == "0.2"
    assert parsed["train"]["run"] == copy.name
    values = {**load_preset(parsed["train"]["preset"])}
    values |= dict(one.split("=", 1) for one in parsed["train"]["assignments"])
    assert TrainingSettings.from_mapping(values) == copy.settings
    assert parsed["dossier"]["language"] == "pt-BR"


def test_the_bundled_catalogue_is_found_and_its_preset_named(copy: Run) -> None:
    from shelftalk.catalogue.demo import demo_file

    source = {"name": demo_file().name, "bytes": demo_file().stat().st_size}
    lines = commands(copy, {"source": source, "settings": {}}, "en", False)
    assert "demo_file" in lines[1] and '"$FILE"' in lines[2]
    assert nearest_preset(TrainingSettings.from_mapping(load_preset("overnight"))) == ("overnight", {})
    changed = TrainingSettings.from_mapping({**load_preset("overnight"), "seed": 7})
    assert nearest_preset(changed) == ("overnight", {"seed": 7})


def test_an_evaluation_gives_its_texts_and_no_model_writes(copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.dossier.dossier.compare_held_out", lambda *_: pytest.fail("wrote"))
    texts_of = {"base": {"text": "Oak oak", "claims": []}, "tuned": {"text": "A peg.", "claims": []}}
    one = {"title": "Oak peg", "true": "True.", "references": ["x"], "written": texts_of}
    result = {**with_gains(), "examples": [one] * 7}
    found, measured = find_examples(copy, result, lambda *_: None, "automatic", lambda _: None)
    assert measured and len(found) == 5
    comparison = found[0].comparison
    assert (comparison.base.stopped, comparison.tuned.stopped) == (False, True)
    assert len(comparison.references) == 3


def test_a_folder_with_other_files_is_left_alone(
    copy: Run, written: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds files that no dossier wrote"):
        write_dossier(copy, own)
    assert [path.name for path in own.iterdir()] == ["thesis.txt"]
    changed = shutil.copytree(written[0], tmp_path / "changed")
    (changed / "dossier.md").write_text("my own words")
    with pytest.raises(UserError, match="is a dossier that was changed since it was written"):
        write_dossier(copy, changed)
    more = shutil.copytree(written[0], tmp_path / "more")
    (more / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds a file that no dossier wrote"):
        write_dossier(copy, more)
    with pytest.raises(UserError, match="workspace's own folders"):
        write_dossier(copy, copy.folder / "dossier")


def test_an_unchanged_dossier_is_replaced_by_one_in_the_other_language(
    copy: Run,
    written: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dossier, "SHOWN", 1)
    again = shutil.copytree(written[0], tmp_path / "again")
    arguments = ["dossier", copy.name, "--to", str(again), "--language", "en", "--json"]
    where = ["--workspace", str(copy.workspace.root)]
    assert run_command([*arguments, *where]) == 0
    assert json.loads(capsys.readouterr().out)["language"] == "en"
    page = (again / "dossier.html").read_text(encoding="utf-8")
    monkeypatch.setenv("LC_ALL", "pt_BR.UTF-8")
    assert run_command([one for one in arguments if one not in ("--language", "en")] + where) == 0
    assert json.loads(capsys.readouterr().out)["language"] == "pt-BR"
    assert '<html lang="en">' in page and "Dossier of the fine-tuning" in page


def test_what_cannot_be_written_is_said_before_any_work(copy: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--language must be en or pt-BR, got 'de'"):
        write_dossier(copy, tmp_path / "out", "de")
    assert set(LANGUAGES) == {"en", "pt-BR"}
    with pytest.raises(UserError, match="got 'fr'"):
        write_dossier(copy, tmp_path / "out", "fr")
    unfinished = replace(copy, folder=tmp_path / "none")
    with pytest.raises(NotFound, match="has not finished"):
        write_dossier(unfinished, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", "has no questions"),
        (b"\xff\xfe\x00x", "not UTF-8"),
        (b"x\n" * (MOST_QUESTIONS + 1), f"has {MOST_QUESTIONS + 1} questions; keep at most {MOST_QUESTIONS}"),
        (b"x" * 1001, "a line of 1001 characters"),
    ],
)
def test_a_file_of_questions_that_cannot_be_used_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "questions.txt"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_questions(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_questions(tmp_path / "none.txt")


def test_dates_and_figures_are_written_as_each_language_writes_them() -> None:
    assert ENGLISH.date(date(2026, 3, 9)) == "9 March 2026"
    assert PORTUGUESE.date(date(2026, 3, 9)) == "9 de março de 2026"
    assert [PORTUGUESE.figure(one) for one in (0.0006, 512, 1.0, 12345)] == ["0,0006", "512", "1", "12.345"]
    assert PORTUGUESE.score(".1%", 0.5) == "50,0 %"
    assert PORTUGUESE.setting_value("precision", "automatic") == "automático"
    assert PORTUGUESE.setting_value("products", None) == "todos"


@pytest.fixture
def measured_copy(copy: Run, tmp_path: Path) -> Run:
    """A copy of the run, with an evaluation of it."""
    run = replace(copy, folder=Path(shutil.copytree(copy.folder, tmp_path / copy.name)))
    question = {
        "adapter": sha256(run.adapter / MANIFEST),
        "max_products": 24,
        "ways": ["base", "tuned"],
        "other": "a hash",
        "decoding": run.decoding(DecodingSettings()).as_mapping(),
    }
    result = {**with_gains(), "elsewhere": [{"name": "general text"}, {"name": "shoes"}]}
    write_json(run.folder / "report" / "evaluation.json", {"question": question, "result": result})
    return run


def test_the_evaluation_is_repeated_as_it_was_made(measured_copy: Run, facts: Facts) -> None:
    lines = commands(measured_copy, facts.catalogue, "en", False)
    assert f"shelftalk evaluate {measured_copy.name} --max-products 24 --ways base,tuned --other shoes" in lines
    assert read_measured(measured_copy)
    names = {"source": {"name": "-x.csv", "bytes": 1}}
    assert "shelftalk prepare ./-x.csv " in commands(measured_copy, {**facts.catalogue, **names}, "en", False)[1]


def test_an_evaluation_of_another_adapter_or_one_that_is_damaged_is_none(measured_copy: Run, facts: Facts) -> None:
    file = measured_copy.folder / "report" / "evaluation.json"
    kept = json.loads(file.read_text())
    plain = f"shelftalk evaluate {measured_copy.name}"
    for content in (
        json.dumps({**kept, "question": {**kept["question"], "adapter": "another"}}),
        file.read_text()[:100],
        "[]",
    ):
        file.write_text(content)
        assert read_measured(measured_copy) is None
        assert any(line.startswith(plain) for line in commands(measured_copy, facts.catalogue, "en", False))
    one_way = {**kept, "question": {**kept["question"], "ways": ["base"]}}
    file.write_text(json.dumps(one_way))
    assert plain in commands(measured_copy, facts.catalogue, "en", False)


def test_a_run_of_accepted_texts_says_where_they_come_from(facts: Facts, copy: Run) -> None:
    description = {
        **copy.description,
        "source": {"run": "first", "adapter": "x"},
        "accepted": {"texts": 3, "edited": 1},
    }
    told = replace(copy, description=description)
    told.__dict__["accepted"] = []  # which it keeps in a file
    run = replace(facts, run=told)
    assert "in the run “first” are in ./workspace, too" in render_markdown(compose(run, ENGLISH))
    assert "na execução “first” também ficam em ./workspace" in render_markdown(compose(run, PORTUGUESE))


def test_a_title_begins_and_ends_as_it_is_in_markdown() -> None:
    markdown = render_markdown([Heading("# C #"), Items(["# one", "1. two", "- three", "0.7 % of"])])
    assert markdown == "## # C \\#\n\n- \\# one\n- 1\\. two\n- \\- three\n- 0.7 % of\n"


def test_a_folder_that_cannot_be_written_is_called_by_its_option(copy: Run) -> None:
    if os.access("/proc/sys", os.W_OK):
        pytest.skip("every folder can be written to here")
    with pytest.raises(NotWritable, match="choose another --to"):
        write_dossier(copy, Path("/proc/sys/dossier"))


def test_what_is_put_into_the_folder_while_another_dossier_is_written_is_not_replaced(
    copy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    with ThreadPoolExecutor(1) as threads, lock(copy.workspace.root / "dossier", "another"):
        waiting = threads.submit(write_dossier, copy, own)
        time.sleep(0.3)
        own.mkdir()
        (own / "thesis.txt").write_text("mine")
        release = time.monotonic()
    with pytest.raises(UserError, match="holds files that no dossier wrote"):
        waiting.result(timeout=60)
    assert time.monotonic() - release < 60 and (own / "thesis.txt").read_text() == "mine"
