"""The description of the API is tried out by machine: whatever it allows, and much that it does not, fails nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from saydo.web.accounts.models import ApiKey
from saydo.web.rights import RIGHTS
from saydo.web.wsgi import application

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    *("GET /figures", "GET /figures/{name}", "GET /changes", "GET /promises", "GET /commitments", "GET /orders"),
    *("GET /feedback", "GET /customers", "GET /customers/{key}", "PATCH /customers/{key}"),
    *("POST /customers/{key}/notes", "POST /customers/{key}/consents", "GET /customers/{key}/timeline"),
    *("PUT /people/{customer_id}", "POST /contacts", "POST /facts/{table}"),
]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The end of a request closes no connection: the test's transaction lives in it (Django's own client does so)."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def described(company: Path, user_of: Any, settings: Any) -> tuple[Any, dict[str, str]]:
    """The operations of the description, and the header of a key that may do all."""
    settings.API_RATE = 10**9
    cache.clear()
    _, whole = ApiKey.make(name="machine", rights=list(RIGHTS), by=user_of("administrator"), days=1)
    head = {"Authorization": f"Bearer {whole}"}
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application, headers=head), head


def test_every_operation_is_tried_out(described: tuple[Any, dict[str, str]]) -> None:
    found = [one.ok() for one in described[0].get_all_operations()]
    assert sorted(f"{one.method.upper()} {one.path.removeprefix('/api/v1')}" for one in found) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_that_is_sent_fails_the_server(
    described: tuple[Any, dict[str, str]], name: str, mode: GenerationMode
) -> None:
    schema, head = described
    method, path = name.split()
    operation = schema[f"/api/v1{path}"][method]

    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_out(case: Case[Any]) -> None:
        with transaction.atomic():  # each by itself, as requests are
            case.call_and_validate(headers=head, checks=CHECKS)
            transaction.set_rollback(True)

    try_out()
