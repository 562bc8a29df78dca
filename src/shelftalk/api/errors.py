"""The one shape of every refusal, OpenAI's: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from shelftalk.api.limits import RETRY_AFTER

HUNG_UP = 499  # what nginx logs for a client that did not wait; nobody receives it
SAFE_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class ErrorDetail(BaseModel):
    """What was wrong; `param` names the parameter at fault, `code` is a short fixed word for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every answer of status 400 and above."""

    error: ErrorDetail


class ApiError(HTTPException):
    """A refusal with its status, its sentence and, where one is at fault, the parameter's name."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.param = param
        self.code = code


def queue_full() -> ApiError:
    """Return the refusal of a request for which there is no room."""
    return ApiError(
        429,
        f"The queue is full; try again in {RETRY_AFTER} seconds.",
        code="queue_full",
        headers={"retry-after": str(RETRY_AFTER)},
    )


def shutting_down() -> ApiError:
    """Return the refusal of a request that the end of the server cut off."""
    return ApiError(503, "The server is shutting down.", code="shutting_down")


def engine_failed() -> ApiError:
    """Return the answer where the engine broke down; why stands in the server's log only."""
    return ApiError(503, "The engine failed; the server's log says why.", code="engine_failed")


def hung_up() -> ApiError:
    """Return what ends a request that nobody waits for any more."""
    return ApiError(HUNG_UP, "The client hung up.")


def error_mapping(error: HTTPException) -> dict[str, Any]:
    """Return a refusal ready for JSON."""
    status = error.status_code
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    detail = {
        "message": _encodable(error.detail),
        "type": kind,
        "param": _encodable(getattr(error, "param", None)),
        "code": getattr(error, "code", None),
    }
    return {"error": detail}


def error_response(error: HTTPException) -> JSONResponse:
    """Return a refusal as an answer."""
    return JSONResponse(error_mapping(error), error.status_code, {**SAFE_HEADERS, **(error.headers or {})})


async def answer_refusal(request: Request, error: HTTPException) -> JSONResponse:
    """Answer a refusal: the server's own, or the framework's of an unknown route or method."""
    if error.status_code == 404 and not isinstance(error, ApiError):
        error = ApiError(404, f"There is no route {request.url.path!a}; /openapi.json lists them.", code="not_found")
    elif error.status_code == 400 and not isinstance(error, ApiError):
        error = ApiError(400, "The body is not JSON.", code="invalid_json")
    elif error.status_code == 405:
        error = ApiError(405, f"{request.method} is not for this route.", headers=error.headers)
    return error_response(error)


async def answer_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer a request that its model refused: 400, with the first fault."""
    fault = error.errors()[0]
    where = [str(part) for part in fault["loc"][1:]]
    if fault["type"] == "json_invalid":
        return error_response(ApiError(400, "The body is not JSON.", code="invalid_json"))
    if not where:
        return error_response(ApiError(400, "The body must be a JSON object, sent as Content-Type: application/json."))
    if fault["type"] in ("extra_forbidden", "unsupported"):
        message = f"{where[0]} is not supported here; leave it out."
        return error_response(ApiError(400, message, where[0], code="unsupported_parameter"))
    given = "" if fault["type"] == "missing" else f", got {_short(fault['input'])}"
    return error_response(ApiError(400, f"{'.'.join(where)}: {fault['msg']}{given}.", where[0], "invalid_value"))


async def answer_failure(request: Request, error: Exception) -> JSONResponse:
    """Answer what should not have happened without a word of it; the server logs the traceback."""
    return error_response(ApiError(500, "The server failed; its log says why."))


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of a route for the OpenAPI document."""
    return {status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in statuses}


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _encodable(text: str | None) -> str | None:
    """Return a text that UTF-8 can carry: a client's may have half a surrogate pair."""
    return None if text is None else text.encode("utf-8", "replace").decode()
