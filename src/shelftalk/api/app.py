"""The application: the routes, their middleware, and the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shelftalk import __version__
from shelftalk.api import completions, describe, status
from shelftalk.api.errors import answer_failure, answer_invalid, answer_refusal
from shelftalk.api.gate import Gate, check_key
from shelftalk.api.limits import Limits
from shelftalk.api.metrics import Metrics
from shelftalk.api.scheduler import Scheduler
from shelftalk.api.service import BASE, Searches, Service
from shelftalk.errors import InvalidSettings
from shelftalk.generation.engine import Engine
from shelftalk.runs.run import Run

# FastAPI would send traces, metrics and logs to any OpenTelemetry in the process; /metrics is the only source here.
NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(
    engine: Engine,
    index: Searches,
    run: Run,
    limits: Limits | None = None,
    api_key: str | None = None,
) -> FastAPI:
    """Return the application that serves one run; the caller closes the engine after the server has ended.

    With an `api_key` every route except /health requires it. Without one, only requests with a loopback name in their
    Host header are answered.

    Raises:
        InvalidSettings: the key is too short, or the run's name is that of the base model.
    """
    if run.name == BASE:
        raise InvalidSettings(f"A run named {BASE!r} cannot be served: {BASE} names the model before fine-tuning.")
    key = None if api_key is None else check_key(api_key)
    limits = limits or Limits()
    scheduler = Scheduler(limits)
    service = Service(engine, index, run, scheduler, Metrics(lambda: scheduler.waiting))

    app = FastAPI(
        title="shelftalk",
        version=__version__,
        docs_url=None,  # the pages of Swagger and ReDoc load scripts from a public CDN
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        exception_handlers={
            HTTPException: answer_refusal,
            RequestValidationError: answer_invalid,
            Exception: answer_failure,
        },
    )
    app.state.service = service
    app.add_middleware(Gate, api_key=key, body_bytes=limits.body_bytes, metrics=service.metrics)
    for routes in (status, completions, describe):
        app.include_router(routes.router)
    _adapt_document(app.openapi(), service.models, key is not None)
    return app


def _adapt_document(document: dict[str, Any], models: list[str], keyed: bool) -> None:
    """Remove the framework's 422, which is a 400 here, from the OpenAPI document; add the models and the key."""
    operations = {path: operation for path, one in document["paths"].items() for operation in one.values()}
    for operation in operations.values():
        operation["responses"].pop("422", None)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for name in ("CompletionRequest", "ChatRequest"):
        schemas[name]["properties"]["model"]["enum"] = models
    if keyed:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operation in operations.items():
            operation["security"] = [] if path == "/health" else [{"key": []}]
