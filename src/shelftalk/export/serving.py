"""Write the configuration of other servers: Ollama's Modelfile, a start script for vLLM, and a request to it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from shelftalk.prompts import PromptTemplate
from shelftalk.settings import DecodingSettings

CONTEXT = 4096  # tokens of prompt and text together; Ollama's own default depends on the machine
# Each question stands alone, as in training. Ollama renders a template once for a whole chat only where it names
# .Messages, and otherwise writes earlier turns before it. An answer that comes last is continued, as Ollama's own
# templates do.
OLLAMA = """{{- $request := "" }}{{ $answer := "" }}
{{- range .Messages }}
{{- if eq .Role "user" }}{{ $request = .Content }}{{ $answer = "" }}
{{- else if eq .Role "assistant" }}{{ $answer = .Content }}
{{- end }}
{{- end }}
{{- $request }}CUE{{ $answer }}"""


def ollama_template(template: PromptTemplate) -> str:
    """Return Ollama's chat template that makes the prompts of `template`."""
    return OLLAMA.replace("CUE", template.end)


def modelfile(
    gguf_file: str,
    end: str,
    licence: str,
    settings: DecodingSettings,
    template: PromptTemplate,
    names: Sequence[str] = (),
) -> str:
    """Return the Modelfile for a GGUF in the same folder, with training's template and end token and these settings.

    A chat's last user message is the request. Ollama cannot strip it: white space around a title stays in the prompt.
    With `names` of attributes, in the order of the training products, a comment says how a prompt has them.
    """
    parameters = {
        "stop": f'"{end}"',
        "num_ctx": CONTEXT,
        "num_predict": settings.max_new_tokens,
        "temperature": settings.temperature,
        "top_k": settings.top_k,
        "top_p": settings.top_p,
        "min_p": 0.0,
        "repeat_penalty": settings.repetition_penalty,
    }
    lines = "".join(f"PARAMETER {name} {value}\n" for name, value in parameters.items())
    known = (
        f'# Under the title a prompt has a line "name: value" for each attribute, in this order: {", ".join(names)}.\n'
        if names
        else ""
    )
    return f'FROM ./{gguf_file}\nTEMPLATE """{ollama_template(template)}"""\n{lines}LICENSE """{licence}"""\n{known}'


def serve_script(name: str, settings: DecodingSettings) -> str:
    """Return a script that serves its own folder with vLLM, under `name`, to this machine only."""
    # transformers allows no temperature of 0 in generation_config.json, and without one vLLM samples at 1.
    decoding = shlex.quote(json.dumps({"temperature": settings.temperature}))
    line = (
        f'exec vllm serve "$(dirname "$0")" --served-model-name {name} --host 127.0.0.1 --port 8000 '
        f'--override-generation-config {decoding} "$@"'
    )
    return f"#!/bin/sh\n# Other defaults are in generation_config.json. Further options are passed on.\n{line}\n"


def example_request(name: str, prompt: str) -> str:
    """Return a command that requests the description after `prompt` from vLLM."""
    body = json.dumps({"model": name, "prompt": prompt, "max_tokens": DecodingSettings().max_new_tokens})
    return "curl http://127.0.0.1:8000/v1/completions -H 'Content-Type: application/json' -d " + shlex.quote(body)
