"""Measure a catalogue's row lengths in tokens, count what a maximum length would cut, and propose one.

This needs a base model's tokenizer only, not the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.models.registry import find_tokenizer
from shelftalk.models.tokens import encode_example, load_tokenizer
from shelftalk.prompts import template_for
from shelftalk.records import Progress, no_progress
from shelftalk.workspace import Workspace

SAMPLE = 5_000  # products
SEED = 42
QUANTILES = (5, 25, 50, 75, 95, 99)
MAXIMA = (128, 256, 512, 1024)
STEP = 64  # a proposed length is a multiple of it
LONGEST = 2_048  # the longest proposed length
CUT_SHARE = 0.01  # of the descriptions: a proposed length cuts no more, where LONGEST allows it
WHOLE = 2**31  # tokens: no row is longer


def describe_lengths(
    workspace: Workspace, catalogue: Catalogue, base_model: str, progress: Progress = no_progress
) -> dict[str, Any] | None:
    """Return `measure_lengths` with a base model's tokenizer and its name; None for a Hub id not yet downloaded.

    Raises:
        NotFound, MissingPackage, Damaged, NotWritable, Busy: see `registry.find_model`, also for `progress`.
    """
    folder = find_tokenizer(base_model, workspace, progress)
    if folder is None:
        return None
    return {"base_model": base_model, **measure_lengths(catalogue, load_tokenizer(folder))}


def measure_lengths(catalogue: Catalogue, tokenizer: Any) -> dict[str, Any]:
    """Return the row lengths of a seeded sample of a catalogue in tokens, ready for JSON.

    Returns:
        `products`: size of the sample; `row`: quantiles "5" to "99" and "max" of prompt, description and end token
        together; `cut`: for each of MAXIMA the number of descriptions that it would cut; `prompts_cut`: the number of
        prompts that are longer than half of it and lose their last attributes, or a title's front; `max_tokens`: the
        smallest multiple of 64 that cuts at most 1 % of the descriptions, at most 2048; `share_cut`: the share that it
        cuts; `histogram`: see `count_lengths`.
    """
    products, template = catalogue.sample(None, SAMPLE, SEED), template_for(catalogue.language)
    prompts, completions = np.empty((2, len(products)), dtype=np.int64)
    for number, one in enumerate(products):
        example = encode_example(tokenizer, template, template.training_request(one), one.description, WHOLE)
        prompts[number] = example.prompt_length
        completions[number] = example.labelled_length
    rows = prompts + completions
    proposed = propose_length(prompts, completions)
    quantiles = np.percentile(rows, QUANTILES, method="nearest")
    return {
        "products": len(products),
        "row": {**dict(zip(map(str, QUANTILES), map(int, quantiles), strict=True)), "max": int(rows.max())},
        "cut": {str(one): count_cut(prompts, completions, one) for one in MAXIMA},
        "prompts_cut": {str(one): int((prompts > one // 2).sum()) for one in MAXIMA},
        "max_tokens": proposed,
        "share_cut": round(count_cut(prompts, completions, proposed) / len(products), 4),
        "histogram": count_lengths(prompts, completions),
    }


def count_lengths(prompts: NDArray[np.int64], completions: NDArray[np.int64]) -> dict[str, Any]:
    """Return a histogram of row lengths, ready for JSON, for maxima of 64, 128 and so on up to 2048 tokens.

    Returns:
        `step`: 64; `rows`: for each maximum the number of rows that fit into it and not into the one before, in the
        last also all longer rows; `cut`: for each maximum the number of descriptions that it would cut.
    """
    bins = np.minimum((prompts + completions - 1) // STEP, LONGEST // STEP - 1)
    return {
        "step": STEP,
        "rows": np.bincount(bins, minlength=LONGEST // STEP).tolist(),
        "cut": [count_cut(prompts, completions, one) for one in range(STEP, LONGEST + 1, STEP)],
    }


def count_cut(prompts: NDArray[np.int64], completions: NDArray[np.int64], max_tokens: int) -> int:
    """Return the number of descriptions that `tokens.encode_example` would cut to fit rows of `max_tokens`.

    An upper bound where prompts with attributes are longer than half of a row: they lose whole lines.
    """
    return int((np.minimum(prompts, max_tokens // 2) + completions > max_tokens).sum())


def propose_length(prompts: NDArray[np.int64], completions: NDArray[np.int64]) -> int:
    """Return the smallest multiple of STEP that cuts at most CUT_SHARE of the descriptions, at most LONGEST."""
    for max_tokens in range(STEP, LONGEST, STEP):
        if count_cut(prompts, completions, max_tokens) <= CUT_SHARE * len(prompts):
            return max_tokens
    return LONGEST
