"""Schemathesis generates valid and invalid requests from the OpenAPI document and finds no undocumented response.

The cases are the same in every run. Bodies that conform to the schema must be accepted and others refused; every
status, content type and body must be documented; no request may cause a server error.
"""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig

from tests.api.served import KEY, make_app

HOST = {"host": "localhost"}

open_schema = schemathesis.openapi.from_asgi("/openapi.json", make_app(), headers=HOST, config=SchemathesisConfig())
keyed_schema = schemathesis.openapi.from_asgi(
    "/openapi.json",
    make_app(api_key=KEY),
    headers={"authorization": f"Bearer {KEY}"},
    config=SchemathesisConfig.from_dict({"auth": {"openapi": {"key": {"bearer": KEY}}}}),
)
bounded = hypothesis.settings(max_examples=20, derandomize=True, database=None)
at_length = hypothesis.settings(bounded, max_examples=100)


@open_schema.parametrize()
@bounded
def test_the_document_says_all_that_is_answered(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(headers=HOST)


@keyed_schema.include(path_regex="models|describe|health").parametrize()
@bounded
def test_the_document_says_who_is_let_in(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()


@pytest.mark.slow
@open_schema.parametrize()
@at_length
def test_the_document_says_all_that_is_answered_to_many(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(headers=HOST)


@pytest.mark.slow
@keyed_schema.include(path_regex="models|describe|health").parametrize()
@at_length
def test_the_document_says_who_of_many_is_let_in(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()


def test_every_status_of_a_computing_route_is_documented() -> None:
    for path in ("/v1/completions", "/v1/chat/completions"):
        responses = make_app().openapi()["paths"][path]["post"]["responses"]
        assert set(responses) == {"200", "400", "401", "403", "404", "413", "429", "500", "503"}
