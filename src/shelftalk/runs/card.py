"""Write the model card of a run's adapter as it is when its training ends, and say how an adapter is loaded."""

from __future__ import annotations

import json
from typing import Any

from shelftalk import __version__
from shelftalk.models.embedded import NAME as EMBEDDED
from shelftalk.models.registry import BaseModel
from shelftalk.runs.run import Run
from shelftalk.workspace import sha256

_WITH_HUB_ID = """~~~python
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

folder = "."  # the folder of this file
model = AutoPeftModelForCausalLM.from_pretrained(folder)  # with {base}, from the Hub or its cache
tokenizer = AutoTokenizer.from_pretrained(folder)
~~~"""

_WITHOUT_HUB_ID = """The base model is not on the Hub: it is a folder of whoever trained this adapter, called {base}.
Ask for a copy, with exactly these weights:

{weights}

Then write the path of your copy into this:

~~~python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained("/path/of/your/copy")
folder = "."  # the folder of this file
model = PeftModel.from_pretrained(base, folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
~~~

`AutoPeftModelForCausalLM.from_pretrained(folder)` also loads it once that path stands in `adapter_config.json`, as
`base_model_name_or_path` in the place of {reference}."""

_EXACT = """

The adapter was trained on the 4-bit weights of the Python package. Its output with the Hub's own
weights of that model was not measured; an export as `merged` contains the base that it was trained on."""


def plain_card(run: Run, base: BaseModel, data: str) -> str:
    """Return the card of a run's adapter without results; `data` says what it was trained on."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in public_settings(run, base).items())
    language = f"language: {json.dumps(code)}\n" if (code := run.description.get("language")) else ""
    on_hub = f"base_model: {base.hub_id}\n" if base.hub_id else ""
    return f"""---
library_name: peft
{language}{on_hub}tags: [lora, product-descriptions, shelftalk]
---
# {run.name}

A LoRA adapter that writes product descriptions from titles in one catalogue's voice, made with shelftalk {__version__}.

- Base model: {base.public_name}, revision `{base.revision}`
- Terms of the base model, which also bind this adapter: {base.licence}
- Trained on {data}; the SHA-256 of the catalogue: `{run.description["data_hash"]}`
- Descriptions may state facts that are not so: check sizes, counts and materials before publishing one.

## How to load it

{how_to_load(base)}

## Settings

| setting | value |
| --- | --- |
{rows}
"""


def how_to_load(base: BaseModel) -> str:
    """Return how transformers and PEFT load an adapter of `base` on any machine, in Markdown.

    All weights of a base model that is a folder are read, for their SHA-256: about 2 s for each GB on one CPU.
    """
    if base.hub_id:
        return _WITH_HUB_ID.format(base=base.hub_id) + (_EXACT if base.name == EMBEDDED else "")
    weights = "\n".join(
        f"- `{file.name}` of {file.stat().st_size:,} bytes, SHA-256 `{sha256(file)}`"
        for file in sorted(base.folder.glob("*.safetensors"))
    )
    name, reference = json.dumps(base.public_name), json.dumps(base.reference)
    return _WITHOUT_HUB_ID.format(base=f"`{name}`", weights=weights, reference=f"`{reference}`")


def public_settings(run: Run, base: BaseModel) -> dict[str, Any]:
    """Return a run's settings, without the path of a base model on this disk."""
    return {**run.settings.as_mapping(), "base_model": base.public_name}
