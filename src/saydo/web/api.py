"""The API: what the pages show and do, for programs. ``/api/v1/docs`` describes it, from the same code that answers.

The routers stand in the apps; here they are put together, behind the door of `saydo.web.keys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import PathView
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from ninja.security import APIKeyCookie, HttpBearer
from pydantic import Field

from saydo import __version__
from saydo.errors import SaydoError
from saydo.language import mark
from saydo.web import api_document, intake
from saydo.web.accounts.api import router as changes
from saydo.web.care.api import router as contacts
from saydo.web.customers.api import people
from saydo.web.customers.api import router as customers
from saydo.web.desk.api import router as timelines
from saydo.web.insight.api import router as figures
from saydo.web.keys import enter
from saydo.web.problems import Problem, encode, of_error
from saydo.web.promises.api import router as promises
from saydo.web.rights import for_everybody_here
from saydo.web.trade.api import router as orders
from saydo.web.voice.api import router as feedback


class _Parser(Parser):
    """JSON that every database can take in: no half signs, no NUL."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        if b"\\u0000" in request.body:
            raise Problem(400, "malformed", mark("A text holds the sign NUL, which cannot be kept."), "body")
        try:
            return msgspec.json.decode(request.body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Problem(400, place="body") from None


class _Renderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return encode(data)


class Key(HttpBearer):
    """Described here; who comes in was found out at the door."""

    def authenticate(self, request: HttpRequest, token: str) -> bool:
        return True


class Session(APIKeyCookie):
    """The log-in of a person's browser."""

    param_name = "sessionid"

    def __init__(self) -> None:
        super().__init__(csrf=False)  # the door asks for the token

    def _get_key(self, request: HttpRequest) -> str:
        return "known at the door"

    def authenticate(self, request: HttpRequest, key: str | None) -> bool:
        return True


class Detail(Schema):
    place: str = Field(..., examples=["rows[3].score"])
    message: str


class ErrorBody(Schema):
    code: str = Field(..., description="For programs; never changes.", examples=["invalid"])
    message: str = Field(..., description="For people, in their language.")
    place: str = Field(..., description="The part of the request that is to blame.", examples=["query.limit"])
    details: list[Detail] | None = None


class Error(Schema):
    """What is said when something is wrong, always in this shape."""

    error: ErrorBody


class _Api(NinjaAPI):
    """With its description completed by what no signature says."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        return api_document.complete(super().get_openapi_schema(**options), Error)


api = _Api(
    title="Saydo",
    version=__version__,
    description=api_document.DESCRIPTION,
    urls_namespace="api",
    docs_url=None,
    openapi_url=None,
    auth=[Key(), Session()],
    parser=_Parser(),
    renderer=_Renderer(),
    openapi_extra={"tags": api_document.TAGS},
)
api.add_router("/figures", figures, tags=["Figures"])
api.add_router("/customers", customers, tags=["Customers"])
api.add_router("/customers", timelines, tags=["Customers"])
api.add_router("/people", people, tags=["Customers"])
api.add_router("/contacts", contacts, tags=["Customers"])
api.add_router("/orders", orders, tags=["Lists"])
api.add_router("", promises, tags=["Lists"])
api.add_router("/feedback", feedback, tags=["Lists"])
api.add_router("/changes", changes, tags=["Lists"])


@api.exception_handler(Problem)
def _refuse(request: HttpRequest, problem: Problem) -> HttpResponse:
    raise problem  # the door tells it


@api.exception_handler(SaydoError)
def _tell(request: HttpRequest, error: SaydoError) -> HttpResponse:
    raise of_error(error)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    details = [{"place": _place(one["loc"]), "message": one["msg"]} for one in error.errors]
    raise Problem(422, place=str(details[0]["place"]) if details else "", details=details)


def _place(parts: Sequence[object]) -> str:
    """Where it stands in the request, without the name that our own function gives it."""
    named = [parts[0], *parts[2:]] if len(parts) > 2 else parts
    return ".".join(map(str, named))


@api.exception_handler(Http404)
@api.exception_handler(ObjectDoesNotExist)
def _nothing(request: HttpRequest, error: Exception) -> HttpResponse:
    raise Problem(404)


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    raise Problem(error.status_code if error.status_code in (400, 409, 413, 422) else 400, place="body")


@api.exception_handler(DataError)
@api.exception_handler(OverflowError)
def _impossible(request: HttpRequest, error: Exception) -> HttpResponse:
    raise Problem(422)  # a number or text that the database has no room for


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # the door writes it into the log


def _nobody_lives_here(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Problem(404)


def _wrong_method(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Problem(405, method=request.method)


def _mounted() -> list[URLPattern]:
    """Ninja's views, each behind the door, with the rights that its operations name."""
    found = []
    for router in api._get_bound_routers():
        for route, view in router.path_operations.items():
            full = "/".join(part.strip("/") for part in (router.prefix, route) if part.strip("/"))
            full = full.replace("{", "<").replace("}", ">")
            found.append(path(full, _behind_door(view)))
    return found


def _behind_door(view: PathView) -> Any:
    rights = {method: getattr(one.view_func, "right", None) for one in view.operations for method in one.methods}

    def asked(request: HttpRequest, **values: Any) -> HttpResponse:
        return view.get_view()(request, **values) if request.method in rights else _wrong_method(request)

    entered = enter(asked, lambda request: rights.get(request.method or "", ""))
    entered.rights = rights  # type: ignore[attr-defined]
    return entered


def _described(request: HttpRequest) -> HttpResponse:
    return HttpResponse(encode(api.get_openapi_schema(path_prefix="/api/v1/")), content_type="application/json")


urlpatterns = [
    path("openapi.json", enter(_described, lambda request: "")),
    path("docs", for_everybody_here(api_document.page), name="api-docs"),
    path("facts/<str:table>", enter(intake.receive, lambda request: "load_data")),
    *_mounted(),
    re_path("", enter(_nobody_lives_here, lambda request: "")),
]
