"""The routes that compute nothing: the models' names, the server's health, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from shelftalk.api.errors import refusals
from shelftalk.api.responses import Health, ModelCard, ModelList
from shelftalk.api.service import ServiceOf

GUARDED = refusals(401, 403, 413, 500)

router = APIRouter()


@router.get("/v1/models", responses=GUARDED)
async def list_models(service: ServiceOf) -> ModelList:
    """List the models: `base`, and the run's name for the fine-tuned one."""
    return ModelList(data=[ModelCard(id=name, created=service.created) for name in service.models])


@router.get("/v1/models/{model}", responses={**GUARDED, **refusals(404)})
async def retrieve_model(model: str, service: ServiceOf) -> ModelCard:
    """Return one model."""
    service.is_tuned(model)
    return ModelCard(id=model, created=service.created)


@router.get("/health", responses=refusals(413, 500))
async def health() -> Health:
    """Return that the server is running; needs no API key."""
    return Health()


@router.get("/metrics", responses=GUARDED, response_class=PlainTextResponse)
async def metrics(service: ServiceOf) -> Response:
    """Return the metrics for Prometheus."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
