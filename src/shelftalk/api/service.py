"""The state that all routes share, and the dependency that provides it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import Request

from shelftalk.api.errors import ApiError
from shelftalk.api.metrics import Metrics
from shelftalk.api.scheduler import Scheduler
from shelftalk.generation.engine import Engine
from shelftalk.records import Reference
from shelftalk.runs.run import Run

BASE = "base"


class Searches(Protocol):
    """Finds the products nearest to a text, nearest first; `retrieval.search.Index` does."""

    def search(self, text: str, k: int = 3) -> list[Reference]: ...


@dataclass(frozen=True)
class Service:
    """One served run."""

    engine: Engine
    index: Searches
    run: Run
    scheduler: Scheduler
    metrics: Metrics
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def models(self) -> list[str]:
        """The ids of the models: before and after fine-tuning."""
        return [BASE, self.run.name]

    def is_tuned(self, model: str) -> bool:
        """Return whether `model` is the fine-tuned one.

        Raises:
            ApiError: there is no such model.
        """
        if model not in self.models:
            message = f"There is no model {model!a}; there are: {', '.join(self.models)}."
            raise ApiError(404, message, "model", "model_not_found")
        return model != BASE


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(_service)]
