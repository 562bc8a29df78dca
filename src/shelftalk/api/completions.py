"""OpenAI's two routes: /v1/completions for raw prompts, /v1/chat/completions for titles and questions."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from secrets import randbelow
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from shelftalk.api.errors import ApiError, error_mapping, refusals
from shelftalk.api.scheduler import Emit, Stream, while_connected
from shelftalk.api.schemas import (
    AssistantMessage,
    ChatChoice,
    ChatCompletion,
    ChatRequest,
    Completion,
    CompletionRequest,
    Ordered,
    TextChoice,
    Usage,
)
from shelftalk.api.service import Service, ServiceOf
from shelftalk.api.writing import SEEDS, Order, Piece, Written, write
from shelftalk.prompts import prompt_for

EVENT_STREAM = "text/event-stream"
EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}  # as OpenAPI tells events

router = APIRouter(
    responses={
        200: {"content": {EVENT_STREAM: {"schema": EVENT}}},
        **refusals(400, 401, 403, 404, 413, 429, 500, 503),
    }
)


@dataclass(frozen=True)
class Shape:
    """How the texts of a route look on the wire, whole and in the chunks of a stream."""

    prefix: str
    chunk_object: str
    opening: dict[str, Any] | None
    words: Callable[[str], dict[str, Any]]
    whole: Callable[[dict[str, Any], list[Written], Usage], BaseModel]


@router.post("/v1/completions", response_model=Completion)
async def create_completion(body: CompletionRequest, request: Request, service: ServiceOf) -> Any:
    """Write on from raw prompts."""
    return await _answer(service, request, body, body.prompts, body.max_tokens, TEXT)


@router.post("/v1/chat/completions", response_model=ChatCompletion)
async def create_chat_completion(body: ChatRequest, request: Request, service: ServiceOf) -> Any:
    """Describe the title, or answer the question, of the last user message."""
    return await _answer(service, request, body, [prompt_for(body.request)], body.longest, CHAT)


async def _answer(
    service: Service, request: Request, body: Ordered, prompts: list[str], longest: int | None, shape: Shape
) -> Any:
    seed = randbelow(SEEDS) if body.seed is None else body.seed
    settings = body.decoding_settings(seed=seed, max_new_tokens=longest)
    order = Order(prompts, service.is_tuned(body.model), settings, body.n or 1, body.stops)
    head = {"id": f"{shape.prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": body.model}
    work = partial(_compute, service, order)
    if not body.stream:
        written, usage = await while_connected(request, service.scheduler.run(work))
        return shape.whole(head, written, usage)
    stream = Stream(service.scheduler, work)
    try:
        await while_connected(request, stream.started())
    except BaseException:
        stream.close()
        raise
    return EventStream(stream, _lines(stream, shape, head, body.includes_usage))


def _compute(service: Service, order: Order, emit: Emit) -> tuple[list[Written], Usage]:
    written = write(service.engine, order, emit)
    tokens = sum(one.tokens for one in written)
    service.metrics.written(tokens)
    prompt_tokens = sum(len(service.engine.tokenize(prompt)) for prompt in order.prompts)
    return written, Usage(prompt_tokens=prompt_tokens, completion_tokens=tokens, total_tokens=prompt_tokens + tokens)


class EventStream(StreamingResponse):
    """A stream of server-sent events; the work behind it ends when the answer does, however that ends."""

    media_type = EVENT_STREAM

    def __init__(self, stream: Stream[Any], lines: AsyncIterator[str]) -> None:
        super().__init__(lines)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()


async def _lines(
    stream: Stream[tuple[list[Written], Usage]], shape: Shape, head: dict[str, Any], include_usage: bool
) -> AsyncIterator[str]:
    base = {**head, "object": shape.chunk_object, **({"usage": None} if include_usage else {})}

    def chunk(index: int, words: dict[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": index, **words, "logprobs": None, "finish_reason": finish_reason}
        return _line({**base, "choices": [choice]})

    opened = -1
    try:
        async for event in stream.events():
            if event.index > opened and shape.opening:
                yield chunk(event.index, shape.opening)
            opened = event.index
            if isinstance(event, Piece):
                yield chunk(event.index, shape.words(event.text))
            else:
                yield chunk(event.index, shape.words(""), event.finish_reason)
    except ApiError as error:  # the status has been sent; this is how OpenAI says it then
        yield _line(error_mapping(error))
        return
    if include_usage:
        _, usage = stream.result()
        yield _line({**base, "choices": [], "usage": usage.model_dump()})
    yield "data: [DONE]\n\n"


def _line(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _completion(head: dict[str, Any], written: list[Written], usage: Usage) -> BaseModel:
    choices = [TextChoice(index=one.index, text=one.text, finish_reason=one.finish_reason) for one in written]
    return Completion(**head, choices=choices, usage=usage)


def _chat_completion(head: dict[str, Any], written: list[Written], usage: Usage) -> BaseModel:
    choices = [
        ChatChoice(index=one.index, message=AssistantMessage(content=one.text), finish_reason=one.finish_reason)
        for one in written
    ]
    return ChatCompletion(**head, choices=choices, usage=usage)


TEXT = Shape("cmpl", "text_completion", None, lambda text: {"text": text}, _completion)
CHAT = Shape(
    "chatcmpl",
    "chat.completion.chunk",
    {"delta": {"role": "assistant", "content": ""}},
    lambda text: {"delta": {"content": text} if text else {}},
    _chat_completion,
)
