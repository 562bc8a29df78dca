"""Ollama's rules for a chat: how the TEMPLATE of a Modelfile makes one prompt of all messages.

A template that names `.Messages` is rendered once with all of them. Any other is rendered for each question with its
answer, one after the other: then earlier turns are in the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shelftalk.export.go_template import Node, NotRendered, Path, Print, execute, fields_of, parse


class Message(NamedTuple):
    """A message with the names of its fields in a template; its role is system, user, assistant or tool."""

    Role: str
    Content: str


def template_of(modelfile: str) -> str:
    """Return the TEMPLATE of a Modelfile, which is in three quotation marks.

    Raises:
        NotRendered: it has none.
    """
    _, found, rest = modelfile.partition('TEMPLATE """')
    template, closed, _ = rest.partition('"""\n')
    if not (found and closed):
        raise NotRendered('the Modelfile has no TEMPLATE """..."""')
    return template


def chat_prompt(template: str, messages: Sequence[Mapping[str, str]]) -> str:
    """Return the prompt that Ollama makes of `messages`, each with a role and content.

    Raises:
        NotRendered: see `go_template`; or a template without `.Messages` has `.Response` inside an action.
    """
    nodes, joined = parse(template), _joined(messages)
    if "Messages" not in fields_of(nodes):
        return _turn_by_turn(nodes, joined)
    system = "\n\n".join(one["content"] for one in messages if one["role"] == "system")
    return execute(nodes, {"System": system, "Messages": joined, "Response": ""})


def _joined(messages: Sequence[Mapping[str, str]]) -> list[Message]:
    """Return the messages, those of one role in succession joined by an empty line."""
    joined: list[Message] = []
    for one in messages:
        if joined and joined[-1].Role == one["role"] != "tool":
            joined[-1] = Message(one["role"], f"{joined[-1].Content}\n\n{one['content']}")
        else:
            joined.append(Message(one["role"], one["content"]))
    return joined


def _turn_by_turn(nodes: Sequence[Node], messages: Sequence[Message]) -> str:
    if "Response" not in fields_of(nodes):
        nodes = (*nodes, _RESPONSE)
    if _RESPONSE not in nodes:
        raise NotRendered("a template without .Messages must have {{ .Response }} outside of other actions")
    turn, written = dict.fromkeys(("System", "Prompt", "Response"), ""), ""
    for one in messages:
        name = _PARTS.get(one.Role)
        later = ("Prompt", "Response") if name == "System" else ("Response",) if name == "Prompt" else ()
        if any(turn[part] for part in later):  # the next turn begins
            written += execute(nodes, turn)
            turn = dict.fromkeys(turn, "")
        if name:
            turn[name] = one.Content
    return written + execute(nodes[: list(nodes).index(_RESPONSE) + 1], turn)


_PARTS = {"system": "System", "user": "Prompt", "assistant": "Response"}
_RESPONSE = Print(Path("", ("Response",)))
