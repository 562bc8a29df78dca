"""The last sections of a dossier: its limits, how to repeat it, and its literature."""

from __future__ import annotations

from shelftalk.dossier.commands import commands, is_bundled, source_files
from shelftalk.dossier.facts import Facts
from shelftalk.evaluation.blocks import Block, Code, Items, Paragraph
from shelftalk.models.registry import shown_name
from shelftalk.settings import TrainingSettings
from shelftalk.translations.words import Words

MANY = 500  # measured products, from which rare errors are seen
VARIANTS = {
    "dora": "Liu, S.-Y. et al. DoRA: Weight-Decomposed Low-Rank Adaptation. ICML 2024. arXiv:2402.09353",
    "rslora": "Kalajdzievski, D. A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA. 2023. arXiv:2312.03732",
}
METHODS = (
    "Hu, E. J. et al. LoRA: Low-Rank Adaptation of Large Language Models. ICLR 2022. arXiv:2106.09685",
    "Loshchilov, I.; Hutter, F. Decoupled Weight Decay Regularization (AdamW). ICLR 2019. arXiv:1711.05101",
)
GEMMA_3 = "Gemma Team. Gemma 3 Technical Report. 2025. arXiv:2503.19786"
MEASURES = (
    "Popović, M. chrF++: words helping character n-grams. WMT 2017",
    "Lin, C.-Y. ROUGE: A Package for Automatic Evaluation of Summaries. ACL Workshop Text Summarization, 2004",
    "Wen, T.-H. et al. Semantically Conditioned LSTM-based Natural Language Generation for Spoken Dialogue Systems. "
    "EMNLP 2015 (slot error rate)",
    "Koehn, P. Statistical Significance Tests for Machine Translation Evaluation. EMNLP 2004 (paired bootstrap)",
)


def limits(facts: Facts, words: Words) -> list[Block]:
    """Return what the dossier does not show."""
    result = facts.evaluation
    lines = ["facts", "rules", *([] if facts.claims_checked else ["language"]), "seed"]
    texts = [words.text(f"dossier.limits.{one}") for one in lines]
    if result is None:
        texts.insert(0, words.text("dossier.limits.unmeasured"))
    elif result["n"] < MANY:
        texts.append(words.text("dossier.limits.small", n=words.number(result["n"])))
    others = [
        "catalogue",
        *([] if facts.run.known_attributes else ["titles"]),
        *(["demo"] if is_bundled(facts.catalogue["source"]) else []),
        *([] if facts.run.settings.context_share else ["questions"]),
        "model",
        "energy",
    ]
    return [Items([*texts, *(words.text(f"dossier.limits.{one}") for one in others)])]


def repeat(facts: Facts, words: Words) -> list[Block]:
    """Return the commands that make the run and this document again."""
    run, source = facts.run, facts.catalogue["source"]
    notes = [words.text("dossier.repeat.folder")]
    if is_bundled(source):
        notes.append(words.text("dossier.repeat.bundled"))
    else:
        files, hash = ", ".join(source_files(source)), str(facts.catalogue["data_hash"])
        notes.append(words.text("dossier.repeat.file", file=files, hash=hash))
    if begun := run.description.get("source"):
        notes.append(words.text("dossier.repeat.source", run=begun["run"]))
        if run.description.get("accepted"):
            notes.append(words.text("dossier.repeat.accepted", run=begun["run"]))
    name, base = shown_name(run.settings.base_model), TrainingSettings().base_model
    if name not in (run.settings.base_model, base):
        notes.append(words.text("dossier.repeat.base", name=name))
    if facts.evaluation is None:
        notes.append(words.text("dossier.repeat.not_evaluated"))
    lines = commands(run, facts.catalogue, words.language, bool(facts.answers))
    return [Paragraph(words.text("dossier.repeat.intro")), Items(notes), Code("\n".join(lines))]


def literature(facts: Facts, words: Words) -> list[Block]:
    """Return where the methods and the measures come from."""
    works = list(METHODS)
    if variant := VARIANTS.get(facts.run.settings.lora_variant):
        works.append(variant)
    if "gemma-3" in shown_name(facts.run.description["base"]["name"]).casefold():
        works.append(GEMMA_3)
    if facts.evaluation:
        works += MEASURES
    blocks: list[Block] = [Paragraph(words.text("dossier.literature.intro")), Items(works)]
    if not is_bundled(facts.catalogue["source"]):
        blocks.append(Paragraph(words.text("dossier.literature.data")))
    return blocks
