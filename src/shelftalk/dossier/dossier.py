"""Write the dossier of a finished run: its sections in one HTML file, in Markdown, and its pictures.

DIR/dossier.html     one page with its pictures, to read and to print
DIR/dossier.md       the same in Markdown, which shows the pictures of the folder
DIR/pictures/        the pictures, SVG
DIR/manifest.json    SHA-256 of each file, by which a later dossier knows that it may replace this one
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shelftalk import __version__
from shelftalk.claims.find import is_checked
from shelftalk.dossier.closing_sections import limits, literature, repeat
from shelftalk.dossier.data_sections import data
from shelftalk.dossier.facts import Example, Facts, read_facts, read_measured
from shelftalk.dossier.measure_sections import measures
from shelftalk.dossier.text_sections import answers, examples
from shelftalk.dossier.training_sections import asked, base_model, curves, lora, machine, settings_table
from shelftalk.errors import TooFewProducts, UserError
from shelftalk.evaluation.blocks import PICTURES, Block, Heading, Paragraph
from shelftalk.evaluation.render import render_html, render_markdown, render_pictures
from shelftalk.evaluation.ways import BASE, TUNED
from shelftalk.export.export import require_free, require_writable
from shelftalk.pipeline import compare_all, compare_held_out, open_index
from shelftalk.records import Comparison, Description, Progress, no_progress
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings
from shelftalk.translations.texts import LANGUAGES
from shelftalk.translations.words import Words
from shelftalk.workspace import lock, staged_folder

HTML, MARKDOWN = "dossier.html", "dossier.md"
PATIENCE = 600.0  # seconds to wait for another dossier of this workspace
SHOWN = 5  # held-out products
REFERENCES = 3
SENTENCE_ENDS = (".", "!", "?", "…", ")", '"', "”")
LONGEST_QUESTION = 1000  # characters of a line of questions
MOST_QUESTIONS = 100


def write_dossier(
    run: Run,
    destination: Path,
    language: str = "en",
    questions: Sequence[str] = (),
    progress: Progress = no_progress,
    engine: str = "automatic",
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write the dossier of a finished run into the folder `destination`, in one of `texts.LANGUAGES`.

    The folder is created atomically; an unchanged earlier dossier there is replaced, any other folder with files is
    not touched. The evaluation is used if there is one, with the texts that it wrote; otherwise five held-out products
    are described here. Each of the `questions`, titles or questions, is answered before and after, from its references
    where the run was trained with such in its prompts. `progress` counts the texts that are written.

    Returns:
        `folder`, `html` and `markdown` (paths), `pictures` (names), `language`, whether the run was `measured`, and
        the numbers of `examples` and `questions`.

    Raises:
        NotFound: the run has not finished.
        UserError: the destination is not free, the language is unknown.
        Damaged: the run's catalogue or its files have changed.
        NotWritable, Busy: the destination cannot be written; another process has written a dossier for ten minutes.
    """
    run.require_finished()
    if language not in LANGUAGES:
        raise UserError(f"--language must be en or pt-BR, got {language!r}.")
    destination = destination.expanduser().resolve()
    with ExitStack() as held:
        held.enter_context(lock(run.workspace.root / "dossier", f"writing the dossier of {run.name}", timeout=PATIENCE))
        require_free(destination, run, HTML, "dossier")  # which may have changed while another dossier was written
        require_writable(destination)
        staging = held.enter_context(staged_folder(destination))
        evaluation = read_measured(run)
        found, measured = find_examples(run, evaluation, progress, engine, say)
        asked_for = [(one, ()) for one in questions]
        settings = DecodingSettings()
        options = (settings, REFERENCES, progress, engine, say, bool(run.settings.context_share))
        answered = compare_all(run, asked_for, *options) if asked_for else []
        words = Words(language)
        blocks = compose(read_facts(run, evaluation, found, measured, answered), words)
        pictures = render_pictures(blocks, words)
        (staging / PICTURES).mkdir()
        for name, picture in pictures.items():
            (staging / PICTURES / name).write_text(picture, encoding="utf-8")
        (staging / HTML).write_text(render_html(blocks, words), encoding="utf-8")
        (staging / MARKDOWN).write_text(render_markdown(blocks), encoding="utf-8")
    return {
        "run": run.name,
        "folder": str(destination),
        "html": str(destination / HTML),
        "markdown": str(destination / MARKDOWN),
        "pictures": sorted(pictures),
        "language": language,
        "measured": evaluation is not None,
        "examples": len(found),
        "questions": len(answered),
    }


def find_examples(
    run: Run, evaluation: dict[str, Any] | None, progress: Progress, engine: str, say: Callable[[str], None]
) -> tuple[list[Example], bool]:
    """Return five held-out products before and after, and whether they are those of the evaluation.

    Where the catalogue holds no product out, the list is empty. The similarities of the references are searched again.
    """
    kept = [one for one in (evaluation or {}).get("examples", ()) if {BASE, TUNED} <= one["written"].keys()][:SHOWN]
    if kept and evaluation:
        near = open_index(run).search_all([one["title"] for one in kept], REFERENCES)
        return [
            Example(
                one["true"],
                Comparison(
                    one["title"],
                    _description(one, BASE, evaluation),
                    _description(one, TUNED, evaluation),
                    references,
                    dict(one.get("attributes") or {}),
                    run.language,
                    is_checked(run.language),
                ),
            )
            for one, references in zip(kept, near, strict=True)
        ], True
    try:
        pairs = compare_held_out(run, SHOWN, DecodingSettings(), REFERENCES, run.settings.seed, progress, engine, say)
    except TooFewProducts:
        return [], False
    return [Example(product.description, comparison) for product, comparison in pairs], False


def _description(one: dict[str, Any], way: str, evaluation: dict[str, Any]) -> Description:
    """Return a text of an evaluation, which does not keep whether the model ended it: the last sign of it tells."""
    text = one["written"][way]["text"]
    ended = evaluation[way].get("stop_rate", 1) > 0 and text.rstrip().endswith(SENTENCE_ENDS)
    return Description(text, ended, 0)


def read_questions(file: Path) -> list[str]:
    """Return the lines of a UTF-8 file that are not blank, without white space at their ends.

    Raises:
        UserError: the file cannot be read, has no line, more than `MOST_QUESTIONS`, or one that is too long.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(
            f"--questions {file} cannot be read ({reason}); give a text file, one question a line."
        ) from error
    questions = [" ".join(line.split()) for line in lines if line.strip()]
    if not questions:
        raise UserError(f"--questions {file} has no questions; write one in each line.")
    if len(questions) > MOST_QUESTIONS:
        raise UserError(f"--questions {file} has {len(questions)} questions; keep at most {MOST_QUESTIONS}.")
    if too_long := next((one for one in questions if len(one) > LONGEST_QUESTION), None):
        raise UserError(
            f"--questions {file} has a line of {len(too_long)} characters; keep each at most {LONGEST_QUESTION}."
        )
    return questions


def compose(facts: Facts, words: Words) -> list[Block]:
    """Return the whole dossier as blocks, with numbered sections."""
    order = ["asked", "data", "base", "lora", "settings", "curves", "machine", "examples"]
    order += [*(["answers"] if facts.answers else []), "measures", "limits", "repeat", "literature"]
    sections: dict[str, Callable[[Facts, Words], list[Block]]] = {
        "asked": lambda facts, words: asked(facts, words, order.index("measures") + 1),
        "data": data,
        "base": base_model,
        "lora": lora,
        "settings": settings_table,
        "curves": curves,
        "machine": machine,
        "examples": examples,
        "answers": answers,
        "measures": measures,
        "limits": limits,
        "repeat": repeat,
        "literature": literature,
    }
    blocks: list[Block] = [
        Heading(words.text("dossier.title", run=facts.run.name), 1),
        Paragraph(words.text("dossier.made", date=words.date(facts.day), version=__version__)),
    ]
    for number, name in enumerate(order, start=1):
        blocks.append(Heading(f"{number}. {words.text(f'dossier.{name}.heading')}"))
        blocks += sections[name](facts, words)
    return blocks
