"""Translate decoding settings for transformers."""

from __future__ import annotations

from typing import Any

from shelftalk.settings import DecodingSettings


def sampling_options(settings: DecodingSettings) -> dict[str, Any]:
    """Return the fields of a `GenerationConfig` that say how a token is chosen; temperature 0 or automatic is greedy.

    transformers warns of a temperature, top k or top p without sampling, so they are left out then.
    """
    if not settings.temperature:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": settings.temperature,
        "top_k": settings.top_k,
        "top_p": settings.top_p,
    }
