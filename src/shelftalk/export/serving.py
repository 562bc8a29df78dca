"""What other servers are told about a model: Ollama's Modelfile, vLLM's launch line and a request to it."""

from __future__ import annotations

import json
import shlex

from shelftalk.prompts import CUE, prompt_for
from shelftalk.settings import DecodingSettings

CONTEXT = 4096  # tokens of prompt and text together; Ollama's own default depends on the machine


def modelfile(gguf_file: str, end: str, licence: str) -> str:
    """Return the Modelfile for a GGUF beside it: the template that training used, its end token, our decoding.

    Ollama cannot strip a prompt: a title with white space around it is read with that.
    """
    settings = DecodingSettings()
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
    return f'FROM ./{gguf_file}\nTEMPLATE """{{{{ .Prompt }}}}{CUE}"""\n{lines}LICENSE """{licence}"""\n'


def serve_script(name: str) -> str:
    """Return the script that serves the folder it lies in with vLLM, under `name`, to this machine only."""
    line = f'exec vllm serve "$(dirname "$0")" --served-model-name {name} --host 127.0.0.1 --port 8000 "$@"'
    return f"#!/bin/sh\n# vLLM takes its defaults from generation_config.json. Further options are handed on.\n{line}\n"


def example_request(name: str, title: str) -> str:
    """Return the command that asks vLLM for a description."""
    body = json.dumps({"model": name, "prompt": prompt_for(title), "max_tokens": DecodingSettings().max_new_tokens})
    return "curl http://127.0.0.1:8000/v1/completions -H 'Content-Type: application/json' -d " + shlex.quote(body)
