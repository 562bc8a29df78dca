"""A front end's own requests about a chat are answered as such, and no product's title is taken for one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from starlette.testclient import TestClient

from shelftalk.api.chat_tasks import TITLE_CHARACTERS, task_answer
from shelftalk.api.errors import ApiError
from shelftalk.prompts import TEMPLATES
from tests.api.served import AFTER, RUN, WatchedEngine
from tests.api.test_routes import chunks, refused
from tests.conftest import DEV_ROWS, ROOT

HISTORY = "USER: Oak peg\nmaterial: oak\nASSISTANT: A peg. <chat_history> USER: another"
LIBRECHAT = "Provide a concise, 5-word-or-less title for the conversation, in title case.\n\nConversation:\n"
NEXTCHAT = "Please generate a four to five word title summarizing our conversation without any lead-in."
LOBECHAT = "<task>\nGenerate a concise title that captures the essence of the conversation.\n</task>\n\n"
SUMMARIZER = "You are a professional conversation summarizer. Generate a concise title that fits.\nRules: ..."
TOOLS = 'Available Tools: [{"name": "search"}]\n\nReturn {"tool_calls": []} if none fits.'


def task(answer: str, history: str = HISTORY) -> str:
    """Return a request in the form of Open WebUI's."""
    return (
        f"### Task:\nSay what is asked for.\n### Guidelines:\n- Be brief.\n### Output:\nJSON format: {answer}\n"
        f"### Chat History:\n<chat_history>\n{history}\n</chat_history>"
    )


@pytest.mark.parametrize(
    ("requests", "system", "answer"),
    [
        ([task('{ "title": "your title" }\n### Examples:\n- { "title": "Trends" }')], "", {"title": "Oak peg"}),
        ([task('{ "title": "your title" }', "USER: Café “x” \\ peg\n")], "", {"title": "Café “x” \\ peg"}),
        ([task('{ "tags": ["tag1", "tag2"] }')], "", {"tags": []}),
        ([task('{ "follow_ups": ["Question 1?"] }')], "", {"follow_ups": []}),
        ([task('{ "queries": ["query1"] } or { "queries": [] }')], "", {"queries": []}),
        ([task('{ "text": "<completion>" }') + "\n<type>General</type>\n<text>Oak</text>"], "", {"text": ""}),
        (["Query: History:\nUSER: Oak peg\nQuery: Brass hook"], TOOLS, {"tool_calls": []}),
        ([f"{LIBRECHAT}User: Oak peg\nAI: A peg."], "", "Oak peg"),
        (["Oak peg\nmaterial: oak", "Brass hook", NEXTCHAT], "", "Oak peg"),
        (
            [f"{LOBECHAT}<conversation>\n<user>\nOak peg\n</user>\n<assistant>\nA peg.\n</assistant>"],
            "",
            "Oak peg",
        ),
        (["assistant: How can I help?\nuser: Oak peg"], SUMMARIZER, "Oak peg"),
        ([f"{LIBRECHAT}User: {'oak ' * 30}\nAI: x"], "", "oak " * 19 + "oak…"),
    ],
)
def test_a_request_about_a_chat_is_answered_as_one(requests: list[str], system: str, answer: Any) -> None:
    said = task_answer(requests, system)
    assert said is not None
    assert (said if isinstance(answer, str) else json.loads(said)) == answer
    assert len(said) <= TITLE_CHARACTERS


@pytest.mark.parametrize(
    "request_text",
    [
        task('{ "prompt": "Your image." }'),
        task('{ "title": "x" }', "ASSISTANT: Hello"),
        '### Task:\nRespond to the user query using the provided context.\n<context>"tags": []</context>\nOak peg',
        "Your task is to reflect the speaker's likely facial expression through a fitting emoji. Message: Oak peg",
        'You have been provided with a set of responses from various models to the latest user query: "Oak peg"',
        NEXTCHAT,
    ],
)
def test_what_has_no_answer_is_an_error_and_no_description(
    client: TestClient, engine: WatchedEngine, request_text: str
) -> None:
    body = {"model": RUN, "messages": [{"role": "user", "content": request_text}]}
    error = refused(client, "/v1/chat/completions", body)
    assert error["code"] == "unsupported_task"
    assert "describe products only" in error["message"]
    assert engine.calls == []


def test_the_answer_has_the_form_of_any_other_and_no_model_writes_it(client: TestClient, engine: WatchedEngine) -> None:
    messages = [{"role": "user", "content": task('{ "title": "your title" }')}]
    body = {"model": RUN, "messages": messages, "max_completion_tokens": 1000, "n": 2}
    whole = client.post("/v1/chat/completions", json=body).json()
    assert [choice["message"]["content"] for choice in whole["choices"]] == ['{"title": "Oak peg"}'] * 2
    assert {choice["finish_reason"] for choice in whole["choices"]} == {"stop"}
    assert whole["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    stream = chunks(client.post("/v1/chat/completions", json={**body, "n": 1, "stream": True}).text)
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in stream) == '{"title": "Oak peg"}'
    assert stream[-1]["choices"][0]["finish_reason"] == "stop"
    assert refused(client, "/v1/chat/completions", {**body, "model": "other"}, 404)["code"] == "model_not_found"
    assert engine.calls == []


def test_a_title_is_the_first_request_that_has_a_text(client: TestClient) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    users: list[Any] = [[image], "", None, [image, {"type": "text", "text": "Oak peg"}], "Brass hook", NEXTCHAT]
    messages = [{"role": "user", "content": content} for content in users]
    answer = client.post("/v1/chat/completions", json={"model": RUN, "messages": messages}).json()
    assert answer["choices"][0]["message"]["content"] == "Oak peg"


def test_a_chat_with_a_system_prompt_of_a_persons_own_describes_products(client: TestClient) -> None:
    for system in ("Be brief.", "Available Tools: a hammer and a saw.", "You are a professional summarizer."):
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "Oak peg"}]
        answer = client.post("/v1/chat/completions", json={"model": RUN, "messages": messages}).json()
        assert answer["choices"][0]["message"]["content"] == AFTER


LOOKALIKES = (
    "### Task Lamp, Brass",
    "Task: A Cooperative Board Game",
    "### Task:",
    "Generate a Concise Title: Headline Writing for Editors",
    "Provide a Concise Answer Notebook, A5",
    "Please Generate: Hand-Crank Generator with USB",
    "Title Tags, Pack of 50, Kraft Card",
    "Available Tools: Screwdriver Set, 24 Pieces",
    "Query: History: A Quiz Deck",
    "<chat_history> T-Shirt for Programmers",
    "User: An Illustrated Manual\nuser: everybody",
    "Your Task Is to Win: Card Game",
    "<bos> sticker",
)


def titles() -> Iterator[str]:
    yield from LOOKALIKES
    for file in (*(ROOT / "demo_catalogue").glob("*.jsonl"), DEV_ROWS):
        for line in file.read_bytes().splitlines() if file.exists() else ():
            try:
                row = json.loads(line)
            except ValueError:
                row = None  # one of the dirty rows
            if isinstance(row, dict):
                yield from (str(value) for value in row.values() if value)


def test_no_product_is_taken_for_a_request_about_a_chat() -> None:
    seen = list(titles())
    assert len(seen) > 1500
    for text in seen:
        for request in (
            text,
            *(question.format_map({"title": text}) for words in TEMPLATES.values() for question in words.questions),
        ):
            assert task_answer(["Brass hook", request], "You are a helpful assistant.") is None, request


@pytest.mark.parametrize(
    "unit", ["user", "user:", "<user>\n", "\n", '"title":', "<chat_history>", "### Task:\n", "U :"]
)
def test_hostile_requests_take_linear_time(unit: str) -> None:
    started = time.perf_counter()
    for opening in ("### Task:\n", '### Task:\n"title":<chat_history>', LIBRECHAT):
        with suppress(ApiError):
            task_answer([opening + unit * 200_000], "")
    assert time.perf_counter() - started < 5
