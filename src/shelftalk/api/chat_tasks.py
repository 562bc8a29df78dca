"""Answer what a front end asks about a chat: its title, its tags, the next questions.

Front ends send such a request as if a person had typed it, and these models would describe it as a product. A request
is known by the exact words that it begins with in the front end's source; no title of a product begins so. A chat's
title is its first request. Tags, questions and the like are empty, as the request's own format has it. What a product
model cannot do, and has no empty form, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from shelftalk.api.errors import ApiError

OPEN_WEBUI = "### Task:\n"
HISTORY = "<chat_history>"
TITLE = "title"
# The keys of the JSON objects that Open WebUI asks for, and the value that says nothing.
EMPTY: dict[str, list[str] | str] = {TITLE: "", "tags": [], "follow_ups": [], "queries": [], "text": ""}
TOOLS = "Available Tools: "  # Open WebUI's system message

TITLE_REQUESTS = (
    "Provide a concise, 5-word-or-less title for the conversation",  # LibreChat
    "Please generate a concise, 5-word-or-less title for the conversation",  # LibreChat, older
    "Please generate a four to five word title summarizing our conversation",  # NextChat
    "使用四到五个字直接返回这句话的简要主题",  # NextChat in Chinese
    "<task>\nGenerate a concise title that captures the essence of the conversation.\n</task>",  # LobeChat
    "Analyze the given short conversation (every line is truncated) and extract a concise chat title",  # big-AGI
)
SUMMARIZER = "You are a professional conversation summarizer. Generate a concise title"  # LobeChat's system message
REFUSED = (
    "Your task is to reflect the speaker's likely facial expression through a fitting emoji",  # Open WebUI
    "You have been provided with a set of responses from various models to the latest user query",  # Open WebUI
)
TITLE_CHARACTERS = 80


def task_answer(requests: Sequence[str], system: str) -> str | None:
    """Return the answer to a front end's request about a chat, or None if the last of `requests` is about a product.

    `requests` are the texts of the user messages, `system` that of the first system message.

    Raises:
        ApiError: the request is about a chat, and a product model cannot answer it.
    """
    last = requests[-1].lstrip()
    if last.startswith(OPEN_WEBUI):
        return _json_answer(last)
    if system.startswith(TOOLS) and '"tool_calls"' in system:
        return json.dumps({"tool_calls": []})
    if last.startswith(REFUSED):
        raise _refusal()
    if last.startswith(TITLE_REQUESTS) or system.startswith(SUMMARIZER):
        return _title(_first_turn(last) or (requests[0] if len(requests) > 1 else ""))
    return None


def _json_answer(request: str) -> str:
    instructions, found, history = request.partition(HISTORY)
    places = {key: place for key in EMPTY if (place := instructions.find(f'"{key}":')) >= 0}
    if not found or not places:
        raise _refusal()
    key = min(places, key=places.__getitem__)
    value = _title(_first_turn(history)) if key == TITLE else EMPTY[key]
    return json.dumps({key: value}, ensure_ascii=False)


def _first_turn(conversation: str) -> str:
    """Return the first line that a user wrote in a conversation; its lines begin with "User:", or follow "<user>"."""
    lines = conversation.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        speaker, _, said = line.partition(":")
        if speaker.strip().casefold() == "user" and said.strip():
            return said
        if line.strip() == "<user>":
            return following
    return ""


def _title(text: str) -> str:
    """Return the first line of a request, shortened; the lines after it are attributes."""
    line = " ".join(text.strip().partition("\n")[0].split())
    if not line:
        raise _refusal()
    return line if len(line) <= TITLE_CHARACTERS else f"{line[: TITLE_CHARACTERS - 1].rstrip()}…"


def _refusal() -> ApiError:
    message = "This is a front end's request about a chat; these models describe products only."
    return ApiError(400, message, "messages", "unsupported_task")
