"""The chat template, in Jinja, of exported models: for transformers, vLLM and llama.cpp.

The last user message is the request, and earlier turns and system messages are left out, as in `shelftalk serve`: the
model was trained on single requests. Without a generation prompt, an answer after the request follows it with the end
token, as a row of training has it; vLLM's and transformers' `continue_final_message` continue such an answer.
"""

from __future__ import annotations

import json
from pathlib import Path

from shelftalk.prompts import TEMPLATES, PromptTemplate

FILE = "chat_template.jinja"

# The text of every message is read, also of those that are left out: llama.cpp puts the system message before the
# request where a template does not read it. A content may be a list of parts, or null. The start token is in the
# template because transformers and vLLM add none to a chat; llama.cpp takes it away before it adds its own.
TEXT = """\
{%- set chat = namespace(request=none, answer=none) -%}
{%- for message in messages -%}
  {%- set content = message.content or "" -%}
  {%- set text = content if content is string else content | map(attribute="text") | join("\\n") -%}
  {%- if message.role == "user" -%}
    {%- set chat.request = text -%}
    {%- set chat.answer = none -%}
  {%- elif message.role == "assistant" -%}
    {%- set chat.answer = text -%}
  {%- endif -%}
{%- endfor -%}
{%- if chat.request is none -%}
  {{- raise_exception("One message must have the role user") -}}
{%- endif -%}
{{- bos_token -}}
{{- chat.request | trim -}}
{%- if add_generation_prompt -%}
  {{- CUE -}}
{%- elif chat.answer is not none -%}
  {{- CUE + chat.answer + eos_token -}}
{%- endif -%}
"""


def chat_template(template: PromptTemplate) -> str:
    """Return the chat template that makes the prompts of `template`."""
    return TEXT.replace("CUE", json.dumps(template.end, ensure_ascii=False))  # llama.cpp need not know escapes


def trained_language(folder: Path) -> str:
    """Return the language of the requests that an export in `folder` was trained on; '' for another base model."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return next((code for code, one in TEMPLATES.items() if chat_template(one) == text), "")
