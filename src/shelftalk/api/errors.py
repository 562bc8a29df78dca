"""Error responses, all in OpenAI's format: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from shelftalk.api.limits import RETRY_AFTER

# What a client asked for by the end of a path that is no route: its base URL lacks /v1, or it prefers another API.
CURES = {
    "/responses": "have the client use the Chat Completions API, /v1/chat/completions",
    "/embeddings": "embeddings are not offered",
    "/chat/completions": "the client's base URL must end with /v1",
    "/completions": "the client's base URL must end with /v1",
    "/models": "the client's base URL must end with /v1",
}
CLIENT_DISCONNECTED = 499  # nginx's code; only counted, since no client receives it
SAFE_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


# Pydantic's words for what a client cannot know by them.
PLAIN = {
    "model_attributes_type": "Input should be an object",
    "model_type": "Input should be an object",
    "string_pattern_mismatch": "The text is blank",
}


class ErrorDetail(BaseModel):
    """The error; `param` is the name of the invalid parameter, `code` is a fixed word for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every response with status 400 and above."""

    error: ErrorDetail


class ApiError(HTTPException):
    """An error with its status, its message and the name of the invalid parameter, if any."""

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
    """Return the error for a request when the queue is full."""
    return ApiError(
        429,
        f"The queue is full; try again in {RETRY_AFTER} seconds.",
        code="queue_full",
        headers={"retry-after": str(RETRY_AFTER)},
    )


def shutting_down() -> ApiError:
    """Return the error for a request that the server's shutdown interrupted."""
    return ApiError(503, "The server is shutting down.", code="shutting_down")


def engine_failed() -> ApiError:
    """Return the error for an engine failure; its reason is in the server's log only."""
    return ApiError(503, "The engine failed; the reason is in the server's log.", code="engine_failed")


def client_disconnected() -> ApiError:
    """Return the error that ends a request whose client has disconnected."""
    return ApiError(CLIENT_DISCONNECTED, "The client disconnected.")


def error_mapping(error: HTTPException) -> dict[str, Any]:
    """Return an error ready for JSON."""
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
    """Return an error as a response."""
    return JSONResponse(error_mapping(error), error.status_code, {**SAFE_HEADERS, **(error.headers or {})})


async def answer_refusal(request: Request, error: HTTPException) -> JSONResponse:
    """Answer with an error: the server's own, or the framework's for an unknown route or method."""
    if error.status_code == 404 and not isinstance(error, ApiError):
        path = request.url.path
        cure = next((cure for end, cure in CURES.items() if path.endswith(end)), "/openapi.json lists them")
        error = ApiError(404, f"There is no route {path!a}; {cure}.", code="not_found")
    elif error.status_code == 400 and not isinstance(error, ApiError):
        error = _unread(error.__cause__)
    elif error.status_code == 405:
        error = ApiError(405, f"The method {request.method} is not allowed here.", headers=error.headers)
    return error_response(error)


async def answer_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer a request that failed validation: 400, with the first error."""
    fault = error.errors()[0]
    where = _path(fault["loc"][1:], error.body, missing=fault["type"] == "missing")
    if fault["type"] == "json_invalid":
        return error_response(ApiError(400, "The body is not JSON.", code="invalid_json"))
    if not where and fault["type"] != "too_many_keys":
        return error_response(ApiError(400, "The body must be a JSON object, sent as Content-Type: application/json."))
    if fault["type"] in ("extra_forbidden", "none_required", "unsupported"):
        cure = "leave it out" if where[0] != "tools" else "leave it out, or switch the front end's tools off"
        message = f"{'.'.join(where)} is not supported here; {cure}."
        return error_response(ApiError(400, message, where[0], code="unsupported_parameter"))
    name, parameter = ".".join(where) or "The body", where[0] if where else None
    given = "" if fault["type"] == "missing" else f", got {_short(fault['input'])}"
    message = f"{name}: {PLAIN.get(fault['type'], fault['msg'])}{given}."
    return error_response(ApiError(400, message, parameter, "invalid_value"))


async def answer_failure(request: Request, error: Exception) -> JSONResponse:
    """Answer an unexpected exception without any detail of it; the server logs the traceback."""
    return error_response(ApiError(500, "The server failed; the reason is in its log."))


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the error responses of a route for the OpenAPI document."""
    return {status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in statuses}


def _unread(reason: BaseException | None) -> ApiError:
    """Return the error for a body that could not be read as JSON, or that Python does not read though it is JSON."""
    if isinstance(reason, RecursionError):
        return ApiError(400, "The body is nested too deeply.", code="invalid_value")
    if type(reason) is ValueError:  # an UnicodeDecodeError is one too
        return ApiError(400, "The body has a number that is too long.", code="invalid_value")
    return ApiError(400, "The body is not JSON.", code="invalid_json")


def _path(location: Sequence[str | int], body: Any, missing: bool) -> list[str]:
    """Return the keys and indices that lead to a fault in the body; a location also names the form of a value."""
    path, value = list[str](), body
    for part in location:
        if part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int):
            value = value[part]
            path.append(_cut(str(part)))
    return [*path, str(location[-1])] if missing and location else path


def _short(value: Any) -> str:
    return _cut(ascii(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _encodable(text: str | None) -> str | None:
    """Replace what UTF-8 cannot encode: a client's text may have an unpaired surrogate."""
    return None if text is None else text.encode("utf-8", "replace").decode()
