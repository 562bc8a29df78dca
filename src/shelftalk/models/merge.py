"""Write a base model with an adapter merged into it, as plain safetensors."""

from __future__ import annotations

from pathlib import Path

from transformers import GenerationConfig

from shelftalk.errors import NotFinite
from shelftalk.models.adapters import merge_adapter
from shelftalk.models.finite import first_not_finite
from shelftalk.models.load import load_model
from shelftalk.models.sampling import sampling_options
from shelftalk.models.tokens import save_tokenizer
from shelftalk.models.weights import DTYPES
from shelftalk.prompts import PromptTemplate
from shelftalk.settings import DecodingSettings


def write_merged(
    model: Path, adapter: Path, target: Path, kind: str, settings: DecodingSettings, template: PromptTemplate
) -> None:
    """Write the base model in folder `model` with `adapter` merged into it to the folder `target`, with its tokenizer.

    It is merged in fp32 and stored as `kind`, one of DTYPES. The generation defaults are `settings`, the chat template
    that of `template`.

    Raises:
        Damaged: the base model or the adapter cannot be read, or does not match its manifest.
        NotFinite: a weight is not finite, or too large for `kind`.
    """
    loaded, tokenizer = load_model(model, "fp32")
    merged = merge_adapter(loaded, adapter).to(DTYPES[kind])
    if (name := first_not_finite(merged.named_parameters())) is not None:
        raise NotFinite(
            f"The merged weight {name} is not finite in {kind}: the base model holds such a number, or one too large; "
            "take --format adapter or another base model."
        )
    merged.config._name_or_path = ""  # it would contain a local path
    merged.config.eos_token_id = tokenizer.eos_token_id  # as in training; a chat model lists other end tokens too
    merged.generation_config = GenerationConfig(
        max_new_tokens=settings.max_new_tokens,
        **sampling_options(settings),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    merged.save_pretrained(target)
    save_tokenizer(model, target, template)
