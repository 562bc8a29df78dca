"""Write the model card, a README.md with front matter for the Hub and PEFT, of exports and of a run's own adapter."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from shelftalk import __version__
from shelftalk.evidence.trained_on import describe_runs, trained_before_run
from shelftalk.export.formats import FORMATS, Artefact
from shelftalk.export.gate import gate_products
from shelftalk.export.serving import example_request
from shelftalk.models.embedded import NAME as EMBEDDED
from shelftalk.models.embedded import PACKAGE
from shelftalk.models.sampling import sampling_options
from shelftalk.prompts import request_of
from shelftalk.records import Product
from shelftalk.runs.card import how_to_load, public_settings
from shelftalk.runs.describe import describe_data
from shelftalk.runs.metrics import read_warnings
from shelftalk.runs.run import Run
from shelftalk.workspace import read_json

TAGS = {
    "adapter": ["lora"],
    "merged": [],
    "gguf": ["gguf", "llama.cpp"],
    "ollama": ["gguf", "ollama"],
    "vllm": ["vllm"],
}
RELATIONS = {"adapter": "adapter", "merged": "finetune", "gguf": "quantized", "ollama": "quantized", "vllm": "finetune"}
GEMMA = re.compile(r"google/(code|shield)?gemma-", re.IGNORECASE)


def model_card(artefact: Artefact, gate: dict[str, Any], request: str) -> str:
    """Return the card of an artefact that passed the gate; `request` is that of its example."""
    path = artefact.run.folder / "report" / "evaluation.json"
    result = read_json(path)["result"] if path.is_file() else {}
    parts = [_front_matter(artefact), _head(artefact), _use(artefact, request), _chat(artefact), _data(artefact)]
    return "\n".join([*parts, _results(artefact, result), _parity(gate), _limits(), _settings(artefact)])


def adapter_card(run: Run, result: dict[str, Any], loads_anywhere: bool) -> str:
    """Return the card of a finished run's own adapter, with the result of its evaluation; see `Run.loads_anywhere`.

    Raises:
        NotFound, Damaged: its catalogue or its base model is missing, or has changed.
    """
    artefact = Artefact(run, run.base_model(), "adapter", "f32")
    products, _ = gate_products(run)
    use = _use(artefact, example_of(products))
    use = f"{use}\n{_chat(artefact)}" if loads_anywhere else f"{_EARLIER.format(run=run.name)}\n{use}"
    parts = [_front_matter(artefact), _head(artefact), use, _data(artefact)]
    return "\n".join([*parts, _results(artefact, result), _NO_PARITY, _limits(), _settings(artefact)])


def example_of(products: Sequence[Product]) -> str:
    """Return the request of the first product that has attributes, else of the first one."""
    return request_of(next((one for one in products if one.attributes), products[0]))


_EARLIER = """An earlier version of shelftalk wrote this folder: it has no tokenizer, and names its base model as the
disk of that time had it. `shelftalk export {run} --to DIR --format adapter`, or the studio's download,
writes a folder that loads as below.
"""

_NO_PARITY = """## Parity

This adapter's output in other tools was not compared with its output here: `shelftalk export` does that.
"""


def _front_matter(artefact: Artefact) -> str:
    base = artefact.base.hub_id  # the Hub takes only ids here
    lines = {
        **({"base_model": base, "base_model_relation": RELATIONS[artefact.format]} if base else {}),
        "library_name": FORMATS[artefact.format].library,
        "pipeline_tag": "text-generation",
        **({"language": language} if (language := artefact.run.description.get("language")) else {}),
        **_licence(artefact),
        "tags": ["shelftalk", "product-descriptions", *TAGS[artefact.format]],
    }
    # JSON is valid YAML, and escapes any character of a folder's name.
    return "".join(["---\n", *(f"{key}: {json.dumps(value)}\n" for key, value in lines.items()), "---"])


def _licence(artefact: Artefact) -> dict[str, str]:
    """Return the Hub's identifier for the terms of the base model, which also apply to this model."""
    if artefact.base.name == EMBEDDED or GEMMA.match(artefact.base.name):
        return {"license": "gemma"}
    return {"license": "other", "license_name": "that-of-the-base-model"}


def _head(artefact: Artefact) -> str:
    base = artefact.base
    origin = f", in the 4-bit weights of the Python package {PACKAGE}" if base.name == EMBEDDED else ""
    sources = "titles and attributes" if artefact.run.known_attributes else "titles"
    return f"""# {artefact.run.name}

Writes product descriptions from {sources} in one catalogue's voice; fine-tuned with shelftalk {__version__}.

- Base model: {base.public_name}{origin}; revision `{base.revision}`
- Terms of the base model, which also bind this one: {base.licence}
- Format: {artefact.format}, weights in {artefact.kind}
"""


def _use(artefact: Artefact, request: str) -> str:
    order = "in the order of the training products"
    lines = f', a line "name: value" for each attribute, {order}' if artefact.run.known_attributes else ""
    return f"""## How to load it

{_LOADING[artefact.format](artefact, request)}

A prompt is the title, or a question about it{lines}, and a cue. The description follows it and ends with the end token:

~~~text
{artefact.run.template.prompt_for(request)}~~~
{_writing(artefact, request) if artefact.format in ("adapter", "merged") else ""}"""


def _writing(artefact: Artefact, request: str) -> str:
    """Return how transformers writes a text with the model that is loaded above."""
    settings = artefact.decoding
    options = {"max_new_tokens": settings.max_new_tokens, **sampling_options(settings)}
    given = ", ".join(f"{name}={value!r}" for name, value in options.items() if value is not None)
    return f"""
~~~python
prompt = {artefact.run.template.prompt_for(request)!r}
inputs = tokenizer(prompt, return_tensors="pt")
written = model.generate(**inputs, {given})
print(tokenizer.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
~~~
"""


def _chat(artefact: Artefact) -> str:
    return f"""## In a chat

The last user message is the title, or the question, with its attributes. Earlier turns and system messages are left
out, so that each question stands alone, as in training.
{_CHATS[artefact.format].format(name=artefact.run.name, file=artefact.gguf_file)}
"""


_JINJA = "`tokenizer.apply_chat_template(messages, add_generation_prompt=True)` makes the prompt, with the start token."
_CHATS = {
    "adapter": _JINJA,
    "merged": _JINJA,
    "gguf": """`llama-server -m {file}` has such a chat at `/v1/chat/completions`. The conversation mode of
`llama-completion` reads only what a new turn adds to the text, and needs `-no-cnv`.""",
    "ollama": """`ollama run {name}`, `/api/chat` and `/v1/chat/completions` are such chats. Two user messages without
an answer between them are one for Ollama, and it keeps white space around a title; `context` of `/api/generate` puts
earlier turns before the prompt.""",
    "vllm": "`/v1/chat/completions` is such a chat; `/v1/completions` takes the whole prompt.",
}


def _data(artefact: Artefact) -> str:
    run, summary = artefact.run, artefact.run.catalogue().summary
    split = ", ".join(f"{count} {name}" for name, count in summary["split"].items())
    rejected = "".join(f"| {reason.replace('_', ' ')} | {count} |\n" for reason, count in summary["rejected"].items())
    table = f"| left out because of | rows |\n| --- | ---: |\n{rejected}" if rejected else "Nothing was left out.\n"
    return f"""## What it was trained on

{describe_data(run)}. The catalogue has the SHA-256 `{summary["data_hash"]}`: of {summary["read"]} rows read
{summary["kept"]} were kept ({split}).
{_earlier(artefact)}
{table}"""


def _earlier(artefact: Artefact) -> str:
    """Return a line for each training that its weights had before."""
    runs = describe_runs(trained_before_run(artefact.run, artefact.base))
    lines = [
        f"- {'products whose number is not known' if one['products'] is None else one['products']}"
        f"{' products' if one['products'] is not None else ''}, of {_catalogue(one['catalogue_sha256'])}\n"
        for one in runs
    ]
    return f"\nThe weights that it began from had been trained before, on\n\n{''.join(lines)}" if lines else ""


def _catalogue(data_hash: str) -> str:
    return f"the catalogue with the SHA-256 `{data_hash}`" if data_hash else "a catalogue that is not known"


def _results(artefact: Artefact, result: dict[str, Any]) -> str:
    """Return the measures before and after; a result of an earlier version has no differences, and is ignored."""
    warnings = "".join(f"{warning}\n\n" for warning in read_warnings(artefact.run.folder, artefact.run.origin))
    sides = [one for one in result.get("differences", []) if (one["before"], one["after"]) == ("base", "tuned")]
    if not sides:
        return f"## Results\n\n{warnings}Not measured yet: `shelftalk evaluate {artefact.run.name}` does that.\n"
    rows = "".join(
        f"| {key.replace('_', ' ')} | {result['base'][key]:g} | {result['tuned'][key]:g} | {_shown(change)} |\n"
        for key, change in sides[0]["measures"].items()
    )
    other_texts = "".join(
        f"| bits per byte of {one['name']} | {one['base']:g} | {one['tuned']:g} | {_shown(one)} |\n"
        for one in result["elsewhere"]
    )
    return f"""## Results

{warnings}On n = {result["n"]} products of the split {result["split"]}, which it never trained on;
{len(result["leaks"])} others were excluded because they repeat what it trained on{_seen(result)}.
Each difference has its 95 % interval (paired bootstrap over products) and a verdict: nothing is shown where the
interval includes zero.

| measure | before | after | difference |
| --- | ---: | ---: | --- |
{rows}{other_texts}"""


def _seen(result: dict[str, Any]) -> str:
    seen = result.get("earlier", {}).get("seen", 0)
    return f", and {seen} because an earlier run in its base trained on them" if seen else ""


def _shown(change: dict[str, Any]) -> str:
    """Return a difference with its interval and verdict."""
    if change["interval"] is None:
        return f"{change['difference']:+g}, too few for an interval"
    low, high = change["interval"]
    return f"{change['difference']:+g} [{low:g}, {high:g}]: {change['verdict']}"


def _parity(gate: dict[str, Any]) -> str:
    found, limits = gate["parity"], gate["limits"]
    whose = f"{gate['held_out_prompts']} of held-out products, {gate['training_prompts']} of training ones"
    chat = "yes" if gate["chat"]["same_prompt"] and gate["chat"]["same_text"] else "no"
    missing = f"\nNot replayed in {gate['not_replayed']}." if gate["not_replayed"] else ""
    return f"""## Parity

{found["prompts"]} prompts ({whose}) were replayed before these files were published.
Compared: {gate["compared"]}.{missing}

| | found | limit |
| --- | ---: | ---: |
| mean divergence of the first token, nats | {found["divergence"]:.2g} | {limits["divergence"]:g} |
| worst divergence | {found["worst_divergence"]:.2g} | |
| greedy tokens that agree, of {found["tokens"]} | {found["agreement"]:.1%} | {limits["agreement"]:.0%} |
| worst margin, nats | {found["worst_margin"]:.2g} | |
| read as the same tokens | {"yes" if found["same_tokens"] else "no"} | yes |
| second question of a chat read and answered as alone | {chat} | yes |

The chat was asked with {gate["chat"]["route"]}.
"""


def _limits() -> str:
    return """## Limits

It learned a voice, not facts: descriptions may state sizes, counts and materials that are not so. Read one before you
publish it. It was taught titles of one catalogue; far from them it writes as the base model does, or worse.
"""


def _settings(artefact: Artefact) -> str:
    """Return the table of settings, without the local path of a base model."""
    values = public_settings(artefact.run, artefact.base)
    rows = "".join(f"| {name} | {_spell(name, value)} |\n" for name, value in values.items())
    return f"## Settings\n\n| setting | value |\n| --- | --- |\n{rows}"


def _spell(name: str, value: Any) -> str:
    if value is None:
        return "all" if name == "products" else "automatic"
    return str(value)


def _load_adapter(artefact: Artefact, request: str) -> str:
    return how_to_load(artefact.base)


def _load_merged(artefact: Artefact, request: str) -> str:
    return """~~~python
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # the folder of this file
model = AutoModelForCausalLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
~~~"""


def _load_gguf(artefact: Artefact, request: str) -> str:
    settings = artefact.decoding
    sampling = f"--temp {settings.temperature} --top-k {settings.top_k} --top-p {settings.top_p} --min-p 0"
    return f"""~~~sh
llama-completion -m {artefact.gguf_file} -no-cnv -n {settings.max_new_tokens} {sampling} \\
  --no-escape -p {shlex.quote(artefact.run.template.prompt_for(request))}
~~~"""


def _load_ollama(artefact: Artefact, request: str) -> str:
    return f"""~~~sh
ollama create {artefact.run.name} -f Modelfile
ollama run {artefact.run.name} {shlex.quote(request)}
~~~"""


def _load_vllm(artefact: Artefact, request: str) -> str:
    return f"""~~~sh
./serve.sh  # vllm serve FOLDER --served-model-name {artefact.run.name} --host 127.0.0.1 --port 8000
{example_request(artefact.run.name, artefact.run.template.prompt_for(request))}
~~~"""


_LOADING = {
    "adapter": _load_adapter,
    "merged": _load_merged,
    "gguf": _load_gguf,
    "ollama": _load_ollama,
    "vllm": _load_vllm,
}
