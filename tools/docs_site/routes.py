"""The HTTP routes with their parameters, limits and statuses, from the server's OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from shelftalk.api import completions, describe, status
from tools.docs_site.tables import code, table, text

LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
SIZES = {"maxLength": "characters", "maxItems": "items", "maxProperties": "keys"}
HANDLED_AS_400 = "422"  # the framework's own answer to an invalid request, which the server does not give


def routes_page() -> str:
    """Return a section for each route: what it does, the parameters of its body, and its statuses."""
    app = FastAPI()
    for routes in (status, completions, describe):
        app.include_router(routes.router)
    document = app.openapi()
    schemas = document["components"]["schemas"]
    return "\n\n".join(
        _route(method.upper(), path, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )


def _route(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    parts = [f"## {method} {path}", operation.get("description", operation["summary"])]
    if body := operation.get("requestBody"):
        schema = _resolve(body["content"]["application/json"]["schema"], schemas)
        required = schema.get("required", [])
        rows = [_parameter(name, one, name in required, schemas) for name, one in schema["properties"].items()]
        parts.append(table(["parameter", "values", "what it is"], rows))
    statuses = sorted(set(operation["responses"]) - {HANDLED_AS_400})
    parts.append(f"Statuses: {', '.join(statuses)}.")
    return "\n\n".join(parts)


def _resolve(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _parameter(name: str, schema: dict[str, Any], required: bool, schemas: dict[str, Any]) -> tuple[str, str, str]:
    label = f"{code(name)}, required" if required else code(name)
    return label, _values(schema, schemas), text(_description(schema))


def _description(schema: dict[str, Any]) -> str:
    forms = [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]
    return next((one["description"] for one in forms if "description" in one), "")


def _values(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Return the type and the limits of a value, each of its forms after a comma or an "or"."""
    schema = _resolve(schema, schemas)
    if forms := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(form for one in forms if (form := _values(one, schemas))))
    if "enum" in schema:
        return ", ".join(code(json.dumps(one)) for one in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "null":
        return ""
    if kind == "array":
        kind = f"list of ({_values(schema.get('items', {}), schemas)})"
    sizes = SIZES if kind != "object" else {"maxProperties": "keys"}
    limits = [f"{sign} {_number(schema[key])}" for key, sign in LIMITS.items() if key in schema]
    limits += [f"at most {schema[key]:,} {what}" for key, what in sizes.items() if key in schema]
    return ", ".join([kind, *limits])


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else str(value)
