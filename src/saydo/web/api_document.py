"""The description of the API: what no signature says, and a page of it for people."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import Schema
from ninja.openapi.schema import OpenAPISchema

from saydo.facts import TABLES

DESCRIPTION = """What the pages show and do, for programs.

A program sends a key that an administrator made: `Authorization: Bearer <key>`. A key has rights; an operation that
asks for one the key lacks answers 403. Errors have one shape (`Error`). Lists come in pages: send `next` of one page
as `cursor` of the following. A write that may be sent twice takes an `Idempotency-Key` of your choice: the second time
nothing happens and the first answer comes again. Each key may ask 600 times a minute, then 429 says how long to wait.
Times are UTC, amounts numbers without VAT."""
TAGS = [
    {"name": "Figures", "description": "Measures, as on their pages."},
    {"name": "Customers", "description": "Who they are, and all that happened with them."},
    {"name": "Lists", "description": "Rows of the tables, newest first."},
    {"name": "Facts", "description": "Batches of rows in."},
]
_WRONG = {
    "400": "The request cannot be read.",
    "401": "There is no key, or it is not good.",
    "403": "The key does not have the right.",
    "404": "There is nothing under this key.",
    "409": "The state of things does not allow this: no facts yet, say.",
    "413": "The body is too large.",
    "422": "A part of the request cannot be; `place` says which.",
    "429": "Too many requests; `Retry-After` says how many seconds to wait.",
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "A text of your choice for this one thing to be done; sent again it is not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
}
_ROWS_TAKEN = {
    "type": "object",
    "required": ["table", "rows", "written", "refused", "details"],
    "properties": {
        "table": {"type": "string", "example": "orders"},
        "rows": {"type": "integer", "description": "Rows in the batch."},
        "written": {"type": "integer", "description": "Rows that were new or different."},
        "refused": {"type": "integer"},
        "details": {"type": "array", "items": {"$ref": "#/components/schemas/Detail"}},
    },
}
_SAMPLE = [
    {
        "order_id": "1001",
        "customer_id": "c-17",
        "ordered_at": "2024-05-01T10:00:00Z",
        "touchpoint": "web",
        "status": "paid",
        "currency": "EUR",
    }
]


def complete(document: OpenAPISchema, error: type[Schema]) -> OpenAPISchema:
    """Add what goes wrong, keys of repetition, rights, and the way in for facts."""
    schemas = document["components"]["schemas"]
    for name, schema in error.model_json_schema(ref_template="#/components/schemas/{model}")["$defs"].items():
        schemas.setdefault(name, schema)
    described = error.model_json_schema(ref_template="#/components/schemas/{model}")
    described.pop("$defs")
    schemas["Error"] = described
    document["paths"]["/api/v1/facts/{table}"] = {"post": _facts()}
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete(method, operation)
    return document


def _complete(method: str, operation: dict[str, Any]) -> None:
    statuses = ["401", "403", "404", "409", "422", "429"]
    if method != "get":
        statuses = ["400", *statuses, "413"]
        operation["parameters"] = [*operation.get("parameters", []), _KEY]
    for parameter in operation.get("parameters", []):
        parameter.setdefault("description", parameter["schema"].get("description", ""))
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status in ("400", *statuses):
        operation["responses"].setdefault(status, {"description": _WRONG[status], "content": content})
    if operation["operationId"].endswith("ask_figure"):
        operation["responses"]["503"] = {"description": "It takes long and goes on: ask again.", "content": content}
    operation["responses"] = {str(status): said for status, said in operation["responses"].items()}


def _facts() -> dict[str, Any]:
    record = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
    rows = {"type": "array", "items": record, "minItems": 1, "maxItems": 5000}
    taken = {"application/json": {"schema": _ROWS_TAKEN}}
    return {
        "operationId": "send_facts",
        "summary": "Facts in",
        "description": "Up to 5,000 rows (8 MB) of one table, new or again, in the columns that docs/facts.md "
        "describes; gzip is understood. A batch with a bad row is refused whole, with "
        "each place and reason. Needs load_data.",
        "tags": ["Facts"],
        "parameters": [
            {"in": "path", "name": "table", "required": True, "schema": {"type": "string", "enum": list(TABLES)}},
            {
                "in": "query",
                "name": "partial",
                "schema": {"type": "string", "enum": ["0", "1"]},
                "description": "1: write the sound rows and refuse the others (207).",
            },
            {
                "in": "query",
                "name": "origin",
                "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,39}$"},
                "description": "The system that the keys are from, if several send the same keys.",
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": rows, "example": _SAMPLE},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            "200": {"description": "All rows are committed.", "content": taken},
            "207": {"description": "The sound rows are committed, the others refused.", "content": taken},
        },
        "security": [{"Key": []}, {"Session": []}],
    }


def page(request: HttpRequest) -> HttpResponse:
    """The description as a page, without a script from anywhere."""
    from saydo.web.api import api

    document = api.get_openapi_schema(path_prefix="/api/v1/")
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in TAGS}
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = {**operation, "method": method.upper(), "address": address, "wrong": _wrong(operation)}
            groups[operation["tags"][0]].append(shown)
    told = [{**tag, "operations": groups[tag["name"]]} for tag in TAGS]
    return render(request, "api_docs.html", {"document": document, "groups": told})


def _wrong(operation: dict[str, Any]) -> list[str]:
    return [status for status in operation["responses"] if status >= "400"]
