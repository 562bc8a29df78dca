"""The responses of the routes: OpenAI's formats, streams, /v1/describe, and errors for unsupported parameters."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.testclient import TestClient

from shelftalk.api.limits import CHOICES, MAX_TOKENS, MESSAGES, PROMPT_CHARACTERS, PROMPTS
from shelftalk.api.schemas import NOT_BLANK, Text
from shelftalk.generation.compare import compare
from shelftalk.prompts import ENGLISH
from shelftalk.settings import DecodingSettings
from tests.api.served import AFTER, BEFORE, ENDLESS, RUN, FewReferences, WatchedEngine, make_app

USER = {"role": "user", "content": "Oak peg"}
CHAT: dict[str, Any] = {"model": RUN, "messages": [USER]}
TEXT: dict[str, Any] = {"model": RUN, "prompt": "Oak peg:"}


def chunks(text: str) -> list[dict[str, Any]]:
    """Return the chunks of a stream, which must have ended correctly."""
    lines = text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def refused(client: TestClient, path: str, body: Any, status: int = 400) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_models(client: TestClient) -> None:
    models = client.get("/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["base", RUN]
    assert client.get(f"/v1/models/{RUN}").json() == models["data"][1]
    assert client.get("/v1/models/other").json()["error"]["code"] == "model_not_found"


def test_a_completion_writes_on_from_a_raw_prompt(client: TestClient, engine: WatchedEngine) -> None:
    body = client.post("/v1/completions", json={**TEXT, "seed": 7, "temperature": 0, "max_tokens": 50}).json()
    assert body["object"] == "text_completion"
    assert body["choices"] == [{"index": 0, "text": AFTER, "finish_reason": "stop", "logprobs": None}]
    assert body["usage"] == {"prompt_tokens": 2, "completion_tokens": 9, "total_tokens": 11}
    assert engine.calls == [("Oak peg:", True, DecodingSettings(seed=7, temperature=0, max_new_tokens=50))]


@pytest.mark.parametrize(("attributes", "temperature"), [(("Material",), 0), ((), 1)])
def test_the_usual_temperature_is_that_of_the_run(
    engine: WatchedEngine, attributes: tuple[str, ...], temperature: float
) -> None:
    with TestClient(make_app(engine, attributes=attributes), base_url="http://127.0.0.1") as client:
        assert client.post("/v1/completions", json=TEXT).status_code == 200
        assert client.post("/v1/chat/completions", json=CHAT).status_code == 200
        assert client.post("/v1/describe", json={"title": "Oak peg"}).status_code == 200
    assert [settings.temperature for _, _, settings in engine.calls] == [temperature] * 4


def test_only_stated_digits_may_be_asked_for(client: TestClient, engine: WatchedEngine) -> None:
    assert client.post("/v1/completions", json={**TEXT, "digits": "stated"}).status_code == 200
    assert client.post("/v1/describe", json={"title": "Oak peg", "digits": "stated"}).status_code == 200
    assert {settings.digits for _, _, settings in engine.calls} == {"stated"}


def test_several_prompts_and_choices_are_numbered_prompt_by_prompt(client: TestClient, engine: WatchedEngine) -> None:
    body = client.post("/v1/completions", json={"model": "base", "prompt": ["a", "b"], "n": 2, "max_tokens": 2}).json()
    assert [(one["index"], one["text"], one["finish_reason"]) for one in body["choices"]] == [
        (number, "Before, a", "length") for number in range(4)
    ]
    assert [prompt for prompt, _, _ in engine.calls] == ["a", "a", "b", "b"]
    assert body["usage"]["completion_tokens"] == 8


def test_chat_describes_the_last_user_message_through_the_template(client: TestClient, engine: WatchedEngine) -> None:
    parts = [{"type": "text", "text": "Tell me about"}, {"type": "text", "text": "a brass hook."}]
    messages = [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": [{"any": "thing"}]},
        {"role": "user", "content": parts, "name": "Ada"},
    ]
    body = client.post("/v1/chat/completions", json={"model": RUN, "messages": messages}).json()
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": AFTER}
    assert [prompt for prompt, _, _ in engine.calls] == [ENGLISH.prompt_for("Tell me about\na brass hook.")]


def test_attributes_are_lines_under_the_title_of_the_prompt(client: TestClient, engine: WatchedEngine) -> None:
    """They are spelt and ordered as the run knows them in /v1/describe; chat and raw prompts are taken as they are."""
    prompt = "Oak peg\nMaterial: oak\nlength: 3 cm, 4 cm\nFinish: oiled\n\nProduct description:\n"
    given = {"finish": "oiled", "length": "3 cm", "material": "oak", "Length": "4 cm"}
    found = client.post("/v1/describe", json={"title": "Oak peg", "attributes": given}).json()
    assert list(found["attributes"].items()) == [("Material", "oak"), ("length", "3 cm, 4 cm"), ("Finish", "oiled")]
    message = {"role": "user", "content": "Oak peg\nMaterial: oak\nlength: 3 cm, 4 cm\nFinish: oiled"}
    client.post("/v1/chat/completions", json={"model": RUN, "messages": [message]})
    client.post("/v1/completions", json={"model": RUN, "prompt": prompt})
    assert [(asked, tuned) for asked, tuned, _ in engine.calls] == [
        (prompt, False),
        (prompt, True),
        (prompt, True),
        (prompt, True),
    ]


def test_of_both_token_limits_the_smaller_one_holds(client: TestClient) -> None:
    for first, second in ((2, 5), (5, 2)):
        more = {"max_tokens": first, "max_completion_tokens": second}
        choice = client.post("/v1/chat/completions", json={**CHAT, **more}).json()["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("After, a", "length")


IGNORED: dict[str, Any] = {
    "user": "ada",
    "metadata": {"chat": "7", "deep": [[{"a": None}]]},
    "store": True,
    "safety_identifier": "ada",
    "prompt_cache_key": "pegs",
    "prompt_cache_retention": "24h",
    "service_tier": "flex",
}
IGNORED_IN_CHATS: dict[str, Any] = {
    **IGNORED,
    "parallel_tool_calls": True,
    "verbosity": "low",
    "prediction": {"type": "content", "content": "A peg."},
}


@pytest.mark.parametrize(
    ("path", "body", "ignored"),
    [("/v1/completions", TEXT, IGNORED), ("/v1/chat/completions", CHAT, IGNORED_IN_CHATS)],
)
def test_what_changes_nothing_of_the_text_is_taken(
    client: TestClient, engine: WatchedEngine, path: str, body: Any, ignored: dict[str, Any]
) -> None:
    options = {"include_usage": True, "include_obfuscation": False}
    for more in ({}, {"stream_options": options}, ignored, *({name: 1} for name in ignored), dict.fromkeys(ignored)):
        answer = client.post(path, json={**body, "seed": 1, **more})
        assert answer.status_code == 200, answer.text
    assert set(map(str, engine.calls)) == {str(engine.calls[0])}
    assert len(engine.calls) == len(ignored) + 4


@pytest.mark.parametrize("limit", [MAX_TOKENS + 1, 128_000, 2**70, 4096.0])
def test_a_limit_above_the_servers_is_as_long_as_may_be(client: TestClient, engine: WatchedEngine, limit: Any) -> None:
    chat = {**CHAT, "messages": [{"role": "user", "content": ENDLESS}]}
    for path, body in (
        ("/v1/completions", {**TEXT, "prompt": ENDLESS, "max_tokens": limit}),
        ("/v1/chat/completions", {**chat, "max_tokens": limit}),
        ("/v1/chat/completions", {**chat, "max_completion_tokens": limit}),
    ):
        answer = client.post(path, json=body).json()
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == MAX_TOKENS
    short = client.post("/v1/chat/completions", json={**CHAT, "max_tokens": 3, "max_completion_tokens": limit}).json()
    assert short["usage"]["completion_tokens"] == 3
    assert client.post("/v1/completions", json={**TEXT, "max_tokens": limit}).json()["choices"][0]["text"] == AFTER


@pytest.fixture
def short_engine(engine: WatchedEngine, monkeypatch: pytest.MonkeyPatch) -> WatchedEngine:
    """The engine of `client`, with a context of 900 words."""
    monkeypatch.setattr(engine, "context", 900)
    return engine


@pytest.mark.parametrize("limit", [601, 1000, MAX_TOKENS, MAX_TOKENS + 1, 10**6])
def test_a_text_ends_with_the_engines_context_whatever_the_limit(
    client: TestClient, short_engine: WatchedEngine, limit: int
) -> None:
    prompt = f"{ENDLESS} " * 300
    answer = client.post("/v1/completions", json={**TEXT, "prompt": prompt, "max_tokens": limit, "n": 2}).json()
    assert answer["usage"]["completion_tokens"] == 2 * 600
    assert {choice["finish_reason"] for choice in answer["choices"]} == {"length"}
    if limit <= MAX_TOKENS:
        title = f"{ENDLESS} " * 298  # and the two words "Product description:"
        found = client.post("/v1/describe", json={"title": title, "max_new_tokens": limit}).json()
        assert (found["tuned"]["tokens"], found["tuned"]["stopped"]) == (600, False)


@pytest.mark.parametrize("limit", [{}, {"max_tokens": 5}, {"max_tokens": 10**6}])
@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_longer_than_the_context_is_refused_in_the_clients_words(
    client: TestClient, short_engine: WatchedEngine, limit: dict[str, int], stream: bool
) -> None:
    long = "peg " * 900
    for path, body, name in (
        ("/v1/completions", {**TEXT, "prompt": ["Oak peg:", long], "stream": stream, **limit}, "prompt"),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": long}], **limit}, "messages"),
        ("/v1/describe", {"title": long}, "title"),
    ):
        error = refused(client, path, body)
        assert (error["param"], error["code"]) == (name, "context_length_exceeded")
        assert re.match(rf"{name} has 90[02] tokens, and must have fewer than 900", error["message"])
    assert short_engine.calls == []


def test_a_start_token_at_the_front_of_a_raw_prompt_is_dropped_and_in_titles_it_is_text(
    client: TestClient, engine: WatchedEngine
) -> None:
    prompts = ["<bos>Oak peg", "Oak <bos>peg", " <bos>Oak peg", "<bos><bos>x", "<BOS>x", "<bos>"]
    answer = client.post("/v1/completions", json={"model": RUN, "prompt": prompts}).json()
    told = ["Oak peg", "Oak <bos>peg", " <bos>Oak peg", "<bos>x", "<BOS>x", ""]
    assert [prompt for prompt, _, _ in engine.calls] == told
    assert answer["usage"]["prompt_tokens"] == sum(len(prompt.split()) for prompt in told)
    client.post("/v1/completions", json={"model": RUN, "prompt": "<bos>Oak peg"})
    client.post("/v1/chat/completions", json={"model": RUN, "messages": [{"role": "user", "content": "<bos>Oak peg"}]})
    client.post("/v1/describe", json={"title": "<bos>Oak peg"})
    asked = [prompt for prompt, _, _ in engine.calls][len(told) :]
    assert asked == ["Oak peg", *[ENGLISH.prompt_for("<bos>Oak peg")] * 3]


@pytest.mark.parametrize(("given", "used"), [(-1, 2**31 - 1), (2**31 + 5, 5), (2**63 - 1, 2**31 - 1), (7.0, 7)])
def test_any_seed_is_one(client: TestClient, engine: WatchedEngine, given: Any, used: int) -> None:
    client.post("/v1/chat/completions", json={**CHAT, "seed": given, "top_k": -1})
    assert [(settings.seed, settings.top_k) for _, _, settings in engine.calls] == [(used, 0)]


def test_messages_of_other_roles_may_hold_anything(client: TestClient, engine: WatchedEngine) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}], "name": "shop"},
        {"role": "system", "content": "x" * (PROMPT_CHARACTERS + 1)},
        {"role": "user", "content": "Brass hook"},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "Hm.",
            "tool_calls": None,
            "refusal": None,
            "audio": None,
            "function_call": None,
            "annotations": [],
        },
        {"role": "tool", "tool_call_id": "1", "content": "{}"},
    ]
    cached = {"type": "text", "text": "Oak peg", "cache_control": {"type": "ephemeral"}}
    last = {"role": "user", "content": [cached], "cache_control": {"type": "ephemeral"}}
    long = [*messages, *messages[2:4] * 400, last]
    assert client.post("/v1/chat/completions", json={"model": RUN, "messages": long}).status_code == 200
    assert [prompt for prompt, _, _ in engine.calls] == [ENGLISH.prompt_for("Oak peg")]


EARLIER: list[Any] = [
    [{"type": "text", "text": "Oak"}, {"type": "image_url", "image_url": {"url": f"data:{'A' * 300_000}"}}],
    "x" * (PROMPT_CHARACTERS + 1),
    [{"type": "text", "text": "x" * PROMPT_CHARACTERS}] * 3,
    "",
    None,
    [],
    [1, {"type": "text", "text": 2}],
    {"any": "thing"},
]


@pytest.mark.parametrize("content", EARLIER, ids=range(len(EARLIER)))
def test_an_earlier_user_message_may_hold_anything(client: TestClient, engine: WatchedEngine, content: Any) -> None:
    messages = [{"role": "user", "content": content, "made_up": 1}, {"role": "assistant", "content": "A peg."}, USER]
    answer = client.post("/v1/chat/completions", json={"model": RUN, "messages": messages})
    assert answer.status_code == 200, answer.text
    assert [prompt for prompt, _, _ in engine.calls] == [ENGLISH.prompt_for("Oak peg")]


def test_a_chat_of_the_most_messages_fits_into_the_body(client: TestClient, engine: WatchedEngine) -> None:
    messages = [{"role": "user", "content": "x" * 1900}] * (MESSAGES - 1) + [USER]
    assert client.post("/v1/chat/completions", json={"model": RUN, "messages": messages}).status_code == 200
    assert [prompt for prompt, _, _ in engine.calls] == [ENGLISH.prompt_for("Oak peg")]


def test_what_clients_send_back_with_a_message_changes_nothing(client: TestClient, engine: WatchedEngine) -> None:
    message = {"id": "msg_1", "name": "Ada", "refusal": None, "tool_calls": None, "audio": None, "annotations": None}
    for content in ("Oak peg", [{"type": "text", "text": "Oak peg", "id": 7, "annotations": None}]):
        messages = [{**USER, **message, "content": content}]
        answer = client.post("/v1/chat/completions", json={"model": RUN, "messages": messages})
        assert answer.status_code == 200, answer.text
    assert [prompt for prompt, _, _ in engine.calls] == [ENGLISH.prompt_for("Oak peg")] * 2


def part(kind: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "Oak peg"}, {"type": kind, **more}]}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [USER, part("image_url", image_url={"url": "data:"})]},
            "messages.1.content.1.type: Images, audio and files are not supported, only parts of the type text, "
            "got 'image_url'.",
        ),
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [part("text")]},
            "messages.0.content.1.text: Field required.",
        ),
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [part("text", text=" ")]},
            "messages.0.content.1.text: The text is blank, got ' '.",
        ),
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [{**USER, "tool_calls": [{}]}]},
            "messages.0.tool_calls is not supported here; leave it out.",
        ),
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [{**USER, "content": ["Oak"]}]},
            "messages.0.content.0: Input should be an object, got 'Oak'.",
        ),
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [USER, {"role": "model", "content": "x"}]},
            "messages.1: A message must be an object whose role is one of user, system, developer, assistant, tool, "
            "function, got {'role': 'model', 'content': 'x'}.",
        ),
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [{"role": "user", "content": "x" * (PROMPT_CHARACTERS + 1)}]},
            f"messages.0.content: String should have at most {PROMPT_CHARACTERS} characters, got 'xxx",
        ),
        (
            "/v1/completions",
            {**TEXT, "prompt": ["x", "x" * (PROMPT_CHARACTERS + 1)]},
            f"prompt.1: String should have at most {PROMPT_CHARACTERS} characters, got 'xxx",
        ),
        ("/v1/completions", {**TEXT, "stop": ["x", ""]}, "stop.1: String should have at least 1 character, got ''."),
        (
            "/v1/completions",
            {**TEXT, "stream_options": {"x": 1}},
            "stream_options.x is not supported here; leave it out.",
        ),
        ("/v1/completions", {**TEXT, "o" * 9000: 1}, f"{'o' * 57}... is not supported here; leave it out."),
    ],
    ids=range(11),
)
def test_an_error_says_where_and_what(
    client: TestClient, engine: WatchedEngine, path: str, body: Any, message: str
) -> None:
    error = refused(client, path, body)
    assert error["message"].startswith(message)
    assert len(error["message"]) < 250
    assert engine.calls == []


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("/v1/responses", "/v1/chat/completions"),
        ("/v1/embeddings", "embeddings are not offered"),
        ("/chat/completions", "must end with /v1"),
        ("/models", "must end with /v1"),
        ("/v1/moderations", "/openapi.json"),
    ],
)
def test_a_route_that_is_not_offered_is_answered_with_a_cure(client: TestClient, path: str, cure: str) -> None:
    error = refused(client, path, {"model": RUN, "input": "Oak peg"}, 404)
    assert (error["type"], error["code"]) == ("invalid_request_error", "not_found")
    assert cure in error["message"]


def test_headers_and_queries_of_clients_change_nothing(client: TestClient) -> None:
    headers = {"authorization": "Bearer unused", "openai-organization": "org", "x-stainless-lang": "python"}
    assert client.get("/v1/models?api-version=2024-10-21", headers=headers).status_code == 200
    assert client.post("/v1/chat/completions?api-version=x", json=CHAT, headers=headers).status_code == 200


def test_without_a_seed_every_request_has_its_own(client: TestClient, engine: WatchedEngine) -> None:
    for _ in range(3):
        client.post("/v1/completions", json=TEXT)
    assert len({settings.seed for _, _, settings in engine.calls}) == 3


@pytest.mark.parametrize("stop", [" voice", [" peg of", " voice"]])
def test_a_stop_text_ends_a_text(client: TestClient, stop: Any) -> None:
    whole = client.post("/v1/completions", json={**TEXT, "stop": stop}).json()["choices"][0]
    assert (whole["text"], whole["finish_reason"]) == ("After, a peg with a", "stop")
    stream = chunks(client.post("/v1/completions", json={**TEXT, "stop": stop, "stream": True}).text)
    assert "".join(one["choices"][0]["text"] for one in stream) == "After, a peg with a"


def test_a_stream_of_text_says_the_words_of_the_whole_answer(client: TestClient) -> None:
    answer = client.post("/v1/completions", json={**TEXT, "n": 2, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    stream = chunks(answer.text)
    for number in range(2):
        choices = [one["choices"][0] for one in stream if one["choices"][0]["index"] == number]
        assert "".join(choice["text"] for choice in choices) == AFTER
        assert [choice["finish_reason"] for choice in choices] == [None] * 9 + ["stop"]
    assert {one["object"] for one in stream} == {"text_completion"}
    assert len({one["id"] for one in stream}) == 1
    assert not any("usage" in one for one in stream)


def test_a_stream_of_chat_ends_with_its_token_counts_where_asked(client: TestClient) -> None:
    more = {"stream": True, "stream_options": {"include_usage": True}, "model": "base"}
    *stream, last = chunks(client.post("/v1/chat/completions", json={**CHAT, **more}).text)
    deltas = [one["choices"][0]["delta"] for one in stream]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta["content"] for delta in deltas[1:-1]) == BEFORE
    assert deltas[-1] == {}
    assert stream[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(one["usage"] is None for one in stream)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}


def test_describe_answers_what_ask_says(client: TestClient, engine: WatchedEngine) -> None:
    settings = DecodingSettings(temperature=0.5, max_new_tokens=5)
    asked = compare(
        WatchedEngine(), ENGLISH, "Oak peg", settings, lambda: FewReferences().search("Oak peg", 2), language="en"
    ).as_mapping()
    body = {"title": "Oak peg", "references": 2, "temperature": 0.5, "max_new_tokens": 5}
    assert client.post("/v1/describe", json=body).json() == asked
    assert engine.calls == [(ENGLISH.prompt_for("Oak peg"), tuned, settings) for tuned in (False, True)]
    assert client.post("/v1/describe", json={"title": "Oak peg"}).json()["tuned"]["text"] == AFTER
    assert engine.calls[-1][2] == DecodingSettings(temperature=0)


def test_health_and_metrics(fresh_client: TestClient) -> None:
    assert fresh_client.get("/health").json() == {"status": "ok"}
    fresh_client.post("/v1/describe", json={"title": "Oak peg"})
    fresh_client.post("/v1/completions", json={})
    fresh_client.get("/nowhere/at/all")
    lines = fresh_client.get("/metrics").text.splitlines()
    assert 'shelftalk_requests_total{method="POST",route="/v1/describe",status="200"} 1.0' in lines
    assert 'shelftalk_requests_total{method="POST",route="/v1/completions",status="400"} 1.0' in lines
    assert 'shelftalk_requests_total{method="GET",route="other",status="404"} 1.0' in lines
    assert "shelftalk_generated_tokens_total 13.0" in lines
    assert 'shelftalk_request_seconds_count{route="/v1/describe"} 1.0' in lines
    assert "shelftalk_queue_depth 0.0" in lines


NEUTRAL: dict[str, dict[str, Any]] = {
    "/v1/completions": {
        "best_of": 1,
        "echo": False,
        "logprobs": False,
        "suffix": None,
        "frequency_penalty": 0,
        "seed": None,
        "top_k": 0,
    },
    "/v1/chat/completions": {
        "tools": [],
        "tool_choice": "auto",
        "function_call": "auto",
        "functions": None,
        "logprobs": False,
        "top_logprobs": 0,
        "modalities": ["text"],
        "reasoning_effort": "none",
        "web_search_options": None,
        "stop": [],
        "response_format": {"type": "text"},
        "presence_penalty": 0.0,
        "logit_bias": {},
        "n": 1,
    },
}


@pytest.mark.parametrize(("path", "body"), [("/v1/completions", TEXT), ("/v1/chat/completions", CHAT)])
def test_neutral_values_of_unsupported_parameters_are_accepted(client: TestClient, path: str, body: Any) -> None:
    assert client.post(path, json={**body, **NEUTRAL[path]}).status_code == 200


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/v1/completions", "logprobs", 2),
        ("/v1/completions", "echo", True),
        ("/v1/completions", "best_of", 2),
        ("/v1/completions", "suffix", "end"),
        ("/v1/completions", "frequency_penalty", 0.5),
        ("/v1/chat/completions", "presence_penalty", -1),
        ("/v1/chat/completions", "tools", [{"type": "function"}]),
        ("/v1/chat/completions", "tool_choice", "required"),
        ("/v1/chat/completions", "function_call", {"name": "search"}),
        ("/v1/chat/completions", "modalities", ["text", "audio"]),
        ("/v1/chat/completions", "web_search_options", {}),
        ("/v1/chat/completions", "top_logprobs", 2),
        ("/v1/chat/completions", "logprobs", True),
        ("/v1/chat/completions", "response_format", {"type": "json_object"}),
        ("/v1/chat/completions", "logit_bias", {"50256": -100}),
        ("/v1/chat/completions", "reasoning_effort", "high"),
        ("/v1/chat/completions", "made_up", 1),
        ("/v1/describe", "stream", True),
    ],
)
def test_an_unsupported_parameter_is_refused_by_name(
    client: TestClient, engine: WatchedEngine, path: str, name: str, value: Any
) -> None:
    bodies = {"/v1/completions": TEXT, "/v1/chat/completions": CHAT, "/v1/describe": {"title": "Oak peg"}}
    error = refused(client, path, {**bodies[path], name: value})
    assert error["param"] == name
    assert name in error["message"]
    assert error["code"] == "unsupported_parameter"
    assert engine.calls == []


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/v1/completions", {**TEXT, "prompt": "x" * (PROMPT_CHARACTERS + 1)}, "prompt"),
        ("/v1/completions", {**TEXT, "prompt": ["x"] * (PROMPTS + 1)}, "prompt"),
        ("/v1/completions", {**TEXT, "prompt": []}, "prompt"),
        ("/v1/completions", {**TEXT, "prompt": [1, 2]}, "prompt"),
        ("/v1/completions", {**TEXT, "max_tokens": 0}, "max_tokens"),
        ("/v1/completions", {**TEXT, "max_tokens": 1.5}, "max_tokens"),
        ("/v1/completions", {**TEXT, "top_k": -2}, "top_k"),
        ("/v1/completions", {**TEXT, "seed": 0.5}, "seed"),
        ("/v1/completions", {**TEXT, "n": CHOICES + 1}, "n"),
        ("/v1/completions", {**TEXT, "n": 0}, "n"),
        ("/v1/completions", {**TEXT, "n": "1"}, "n"),
        ("/v1/completions", {**TEXT, "stop": list("abcde")}, "stop"),
        ("/v1/completions", {**TEXT, "temperature": 9}, "temperature"),
        ("/v1/completions", {**TEXT, "top_p": 0}, "top_p"),
        ("/v1/completions", {**TEXT, "digits": "none"}, "digits"),
        ("/v1/describe", {"title": "Oak peg", "digits": 1}, "digits"),
        ("/v1/completions", {"model": RUN}, "prompt"),
        ("/v1/chat/completions", {**CHAT, "max_completion_tokens": 0}, "max_completion_tokens"),
        ("/v1/chat/completions", {**CHAT, "messages": []}, "messages"),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "system", "content": "x"}]}, "messages"),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": " "}]}, "messages"),
        (
            "/v1/chat/completions",
            {**CHAT, "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages",
        ),
        ("/v1/chat/completions", {**CHAT, "stream_options": {"other": 1}}, "stream_options"),
        (
            "/v1/chat/completions",
            {
                **CHAT,
                "messages": [{"role": "user", "content": [{"type": "text", "text": "x" * PROMPT_CHARACTERS}] * 2}],
            },
            "messages",
        ),
        ("/v1/describe", {"title": "\n"}, "title"),
        ("/v1/describe", {"title": "x", "references": 0}, "references"),
        ("/v1/describe", {"title": "x", "attributes": {"material": ""}}, "attributes"),
        ("/v1/describe", {"title": "x", "attributes": [["material", "ash"]]}, "attributes"),
        ("/v1/describe", {"title": "x", "max_new_tokens": MAX_TOKENS + 1}, "max_new_tokens"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(
    client: TestClient, engine: WatchedEngine, path: str, body: Any, name: str
) -> None:
    error = refused(client, path, body)
    assert error["param"] == name
    assert error["message"].startswith(name)
    assert len(error["message"]) < 200
    assert engine.calls == []


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    error = refused(client, "/v1/completions", {**TEXT, "model": "gpt-4"}, 404)
    assert error["param"] == "model"
    assert "there are: base, pegs" in error["message"]


@pytest.mark.parametrize("blank", [" ", "\x85", "\x1c\x1f", "\ufeff", "\u3000\t", "\ufeff\x85\n"])
def test_a_text_that_is_blank_in_any_language_is_refused_and_no_other(blank: str) -> None:
    adapter = TypeAdapter(Text)
    assert adapter.validate_python(f"{blank}peg") == f"{blank}peg"
    with pytest.raises(ValidationError):
        adapter.validate_python(blank)
    assert not re.search(NOT_BLANK, blank)
