"""OpenAI's routes: /v1/completions for raw prompts, /v1/chat/completions for titles and questions."""

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

from shelftalk.api.chat_tasks import task_answer
from shelftalk.api.errors import ApiError, error_mapping, refusals
from shelftalk.api.limits import MAX_TOKENS, SEEDS
from shelftalk.api.responses import AssistantMessage, ChatChoice, ChatCompletion, Completion, TextChoice, Usage
from shelftalk.api.scheduler import Emit, Stream, Work, while_connected
from shelftalk.api.schemas import ChatRequest, CompletionRequest, OpenAIRequest
from shelftalk.api.service import Service, ServiceOf
from shelftalk.api.writing import Piece, WriteRequest, Written, write

EVENT_STREAM = "text/event-stream"
EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}  # in the OpenAPI document

Texts = tuple[list[Written], Usage]

router = APIRouter(
    responses={
        200: {"content": {EVENT_STREAM: {"schema": EVENT}}},
        **refusals(400, 401, 403, 404, 413, 429, 500, 503),
    }
)


@dataclass(frozen=True)
class ResponseFormat:
    """The JSON format of a route's texts: the whole response, and the chunks of a stream."""

    prefix: str
    chunk_object: str
    opening: dict[str, Any] | None
    text_fields: Callable[[str], dict[str, Any]]
    response: Callable[[dict[str, Any], list[Written], Usage], BaseModel]


@router.post("/v1/completions", response_model=Completion)
async def create_completion(body: CompletionRequest, request: Request, service: ServiceOf) -> Any:
    """Continue raw prompts."""
    return await _answer(service, request, body, _writing(service, body, body.prompts, "prompt"), TEXT)


@router.post("/v1/chat/completions", response_model=ChatCompletion)
async def create_chat_completion(body: ChatRequest, request: Request, service: ServiceOf) -> Any:
    """Describe the title, or answer the question, of the last user message.

    A front end's request for a chat's title, tags or next questions is answered without a model.
    """
    work = _writing(service, body, [service.run.template.prompt_for(body.request)], "messages")
    answer = task_answer(body.requests, body.system)
    return await _answer(service, request, body, work if answer is None else partial(_say, body, answer), CHAT)


def _writing(service: Service, body: OpenAIRequest, prompts: list[str], parameter: str) -> Work[Texts]:
    """Return the work that generates the texts of a request, whose prompts were sent in `parameter`."""
    seed = randbelow(SEEDS) if body.seed is None else body.seed
    limit = None if body.token_limit is None else min(body.token_limit, MAX_TOKENS)
    decoding = body.decoding_settings(seed=seed, max_new_tokens=limit)
    settings = service.run.decoding(decoding)
    tuned = service.is_tuned(body.model)
    to_write = WriteRequest(prompts, tuned, settings, body.n or 1, body.stops, parameter)
    return partial(_compute, service, to_write)


async def _answer(
    service: Service, request: Request, body: OpenAIRequest, work: Work[Texts], format: ResponseFormat
) -> Any:
    head = {"id": f"{format.prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": body.model}
    if not body.stream:
        written, usage = await while_connected(request, service.scheduler.run(work))
        return format.response(head, written, usage)
    stream = Stream(service.scheduler, work)
    try:
        await while_connected(request, stream.started())
    except BaseException:
        stream.close()
        raise
    return EventStream(stream, _events(stream, format, head, body.includes_usage))


def _say(body: OpenAIRequest, text: str, emit: Emit) -> Texts:
    """Write a text that no model generates."""
    written = [Written(index, text, "stop", 0) for index in range(body.n or 1)]
    for one in written:
        emit(Piece(one.index, text))
        emit(one)
    return written, Usage(prompt_tokens=0, completion_tokens=0, total_tokens=0)


def _compute(service: Service, request: WriteRequest, emit: Emit) -> Texts:
    written = write(service.engine, request, emit)
    tokens = sum(one.tokens for one in written)
    service.metrics.written(tokens)
    prompt_tokens = sum(len(service.engine.tokenize(prompt)) for prompt in request.prompts)
    return written, Usage(prompt_tokens=prompt_tokens, completion_tokens=tokens, total_tokens=prompt_tokens + tokens)


class EventStream(StreamingResponse):
    """A response of server-sent events; when it ends or fails, its computation is cancelled."""

    media_type = EVENT_STREAM

    def __init__(self, stream: Stream[Any], events: AsyncIterator[str]) -> None:
        super().__init__(events)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()


async def _events(
    stream: Stream[Texts], format: ResponseFormat, head: dict[str, Any], include_usage: bool
) -> AsyncIterator[str]:
    base = {**head, "object": format.chunk_object, **({"usage": None} if include_usage else {})}

    def chunk(index: int, text_fields: dict[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": index, **text_fields, "logprobs": None, "finish_reason": finish_reason}
        return _event({**base, "choices": [choice]})

    opened = -1
    try:
        async for event in stream.events():
            if event.index > opened and format.opening:
                yield chunk(event.index, format.opening)
            opened = event.index
            if isinstance(event, Piece):
                yield chunk(event.index, format.text_fields(event.text))
            else:
                yield chunk(event.index, format.text_fields(""), event.finish_reason)
    except ApiError as error:  # the status line has been sent; OpenAI then sends the error as an event
        yield _event(error_mapping(error))
        return
    if include_usage:
        _, usage = stream.result()
        yield _event({**base, "choices": [], "usage": usage.model_dump()})
    yield "data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> str:
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


TEXT = ResponseFormat("cmpl", "text_completion", None, lambda text: {"text": text}, _completion)
CHAT = ResponseFormat(
    "chatcmpl",
    "chat.completion.chunk",
    {"delta": {"role": "assistant", "content": ""}},
    lambda text: {"delta": {"content": text} if text else {}},
    _chat_completion,
)
