"""The route /v1/describe: a title in; before, after and references out, in the format of `shelftalk ask --json`."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request

from shelftalk.api.errors import refusals
from shelftalk.api.scheduler import Emit, while_connected
from shelftalk.api.schemas import DescribeRequest
from shelftalk.api.service import Service, ServiceOf
from shelftalk.api.writing import room
from shelftalk.catalogue.attributes import clean_attributes
from shelftalk.generation.compare import compare
from shelftalk.prompts import request_for
from shelftalk.records import Comparison

router = APIRouter(responses=refusals(400, 401, 403, 413, 429, 500, 503))


@router.post("/v1/describe")
async def describe(body: DescribeRequest, request: Request, service: ServiceOf) -> Comparison:
    """Describe a product before and after fine-tuning, with the training products nearest to it."""
    return await while_connected(request, service.scheduler.run(partial(_compute, service, body)))


def _compute(service: Service, body: DescribeRequest, emit: Emit) -> Comparison:
    settings = service.run.decoding(body.decoding_settings(max_new_tokens=body.max_new_tokens))
    attributes = service.run.known_attributes.arrange(clean_attributes((body.attributes or {}).items())[0])
    template = service.run.template
    prompt = template.prompt_for(request_for(body.title, attributes))
    limit = room(service.engine, prompt, settings.max_new_tokens, "title")
    comparison = compare(
        service.engine,
        template,
        body.title,
        settings.replace({"max_new_tokens": limit}),
        partial(service.index.search, body.title, body.references),
        on_text=lambda side, text: emit(None),
        attributes=attributes,
        language=service.run.language,
    )
    service.metrics.written(comparison.base.tokens + comparison.tuned.tokens)
    return comparison
