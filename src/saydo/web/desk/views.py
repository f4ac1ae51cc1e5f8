"""The desk: finding a customer, seeing all that happened with them, and writing down what happens now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from saydo.language import day, mark, month, translate, translate_count
from saydo.result import Result
from saydo.web import feed
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import Company, User
from saydo.web.answers import find_kept, question
from saydo.web.care.actions import answer_case, close_case, open_case, record_contact
from saydo.web.care.models import Case
from saydo.web.customers.actions import merge, merge_by_hand, merge_sure, part, propose, record_consent, refuse
from saydo.web.customers.models import Consent, Customer, Note, Person, Proposal
from saydo.web.desk.forms import ACTS, CloseForm
from saydo.web.paging import page_number
from saydo.web.rights import may, needs
from saydo.web.search import find_customers
from saydo.web.standing import find_consents, find_pressure, find_worth
from saydo.web.timeline import KINDS, Entry, read_timeline

_PAGE = 50
_PAIRS = 20
_MATCHES = 20
_CALLS = 20  # the list of whom to call today, which is made anyway


@needs("see_identities")
def customers(request: HttpRequest) -> HttpResponse:
    """Find anyone, as you type."""
    sought = request.GET.get("q", "").strip()
    shown: dict[str, Any] = {"sought": sought}
    if sought:
        shown["found"], shown["most"] = find_customers(sought, _MATCHES), _MATCHES
        shown["similar"] = bool(shown["found"]) and all(one.how == "similar" for one in shown["found"])
        note(request, mark("searched"), "customers", found=len(shown["found"]))
    else:
        shown["open_merges"] = Proposal.objects.filter(state="open").count()
    page = "desk/found.html" if request.htmx else "desk/customers.html"  # type: ignore[attr-defined]
    return render(request, page, shown)


@needs("see_identities")
def customer(request: HttpRequest, key: str) -> HttpResponse:
    """All that is known of one person, and all that happened."""
    whole = _whole(key)
    if whole.pk != key:
        return redirect("customer", whole.pk)
    note(request, mark("seen"), "customers", whole.pk)
    template = "desk/timeline.html" if request.htmx else "desk/customer.html"  # type: ignore[attr-defined]
    records = _records(whole)
    shown = {"customer": whole, **_timeline(request, [record.pk for record in records])}
    if not request.htmx:  # type: ignore[attr-defined]
        shown |= _about(whole, records) | {"acts": _acts()}
    return render(request, template, shown)


def _whole(key: str) -> Customer:
    record = get_object_or_404(Customer.objects.select_related("person", "merged_into__person"), pk=key)
    whole = record.merged_into or record
    if whole.erased_at:
        raise Http404
    return whole


def _records(whole: Customer) -> list[Customer]:
    """All records of a person, the main one first."""
    return [whole, *Customer.objects.filter(merged_into=whole).select_related("person").order_by("pk")]


def _about(whole: Customer, records: list[Customer]) -> dict[str, Any]:
    """The head of the page."""
    keys, now = [record.pk for record in records], timezone.now()
    persons = [person for record in records if (person := getattr(record, "person", None))]
    consents = find_consents(keys)
    surveys = {one.state for one in consents[1][1]}
    merged = Proposal.objects.filter(state="merged", main__in=keys, other__in=keys).select_related("other__person")
    return {
        "person": persons[0] if persons else None,
        "persons": persons,
        "merged": [one for one in merged if one.before],
        "worth": find_worth(keys, now),
        "pressure": find_pressure(keys, now),
        "consents": consents,
        "surveys": "agreed" if "granted" in surveys else "refused" if surveys else "unknown",
        "history": list(Consent.objects.filter(customer__in=keys).select_related("recorded_by")),
        "cases": list(Case.objects.filter(customer_id__in=keys, closed_at=None).order_by("opened_at")),
        "risk": _risk(whole.pk),
        "close_form": CloseForm(),
    }


def _risk(key: str) -> dict[str, Any] | None:
    """The person's row in the list of value at risk, if that list was made for the facts as they are."""
    if not feed.version():
        return None
    found = find_kept(question("at_risk", settings={"most": _CALLS}, show_small_groups=True))
    if not isinstance(found, Result):
        return None
    rows = found.table.filter(pc.equal(found.table["customer_id"], key)).to_pylist()
    return {**rows[0], "shown_in": found.currency} if rows else None


def _timeline(request: HttpRequest, keys: list[str]) -> dict[str, Any]:
    kinds = [kind for kind in request.GET.getlist("kind") if kind in KINDS]
    number = page_number(request)
    page = read_timeline(keys, timezone.now(), kinds=kinds, number=number, size=_PAGE)
    zone = ZoneInfo(Company.here().zone)
    months: dict[str, list[Entry]] = {}
    for entry in page.entries:
        entry.at = entry.at if entry.is_day else entry.at.astimezone(zone)  # a day is the same everywhere
        months.setdefault(month(entry.at), []).append(entry)
    state = request.GET.copy()
    state.pop("page", None)
    return {"page": page, "months": months, "kinds": KINDS, "chosen": kinds, "state": state.urlencode()}


# Writing down


@needs("serve_customers")
@require_POST
def add(request: HttpRequest, key: str, what: str) -> HttpResponse:
    """Write down a note, a contact, a consent or a case."""
    whole = _whole(key)
    if what not in ACTS:
        raise Http404
    form = ACTS[what][2](request.POST)
    if not form.is_valid():
        records = _records(whole)
        shown = {"customer": whole, **_timeline(request, [record.pk for record in records]), **_about(whole, records)}
        return render(request, "desk/customer.html", {**shown, "acts": _acts(what, form)}, status=400)
    with transaction.atomic():
        _write_down(request, whole, what, form)
    messages.success(request, translate("Written down."))
    return redirect("customer", whole.pk)


def _write_down(request: HttpRequest, whole: Customer, what: str, form: Form) -> None:
    given, user = form.cleaned_data, cast("User", request.user)
    if what == "note":
        Note.objects.create(customer=whole, text=given["text"], by=user)
        note(request, mark("noted"), "customers", whole.pk)
    elif what == "contact":
        record_contact(customer=whole.pk, by=user, **form.said)  # type: ignore[attr-defined]
        note(request, mark("contact recorded"), "customers", whole.pk)
    elif what == "consent":
        record_consent(whole, user, **given)
        named = {name: given[name] for name in ("purpose", "channel")}
        note(request, mark("consent recorded"), "customers", whole.pk, **named)
    else:
        open_case(customer=whole.pk, by=user, cause=given["cause"], order=given["order_id"] or None)
        note(request, mark("case opened"), "customers", whole.pk)


def _acts(refused: str = "", form: Form | None = None) -> list[dict[str, Any]]:
    """What can be written down: its words and its form, open where something has to be mended."""
    return [
        {
            "what": what,
            "title": title,
            "button": button,
            "form": form if what == refused else make(),
            "open": what == refused,
        }
        for what, (title, button, make) in ACTS.items()
    ]


@needs("serve_customers")
@require_POST
def work_case(request: HttpRequest, key: str, case: str) -> HttpResponse:
    """Mark a case as answered, or close it with what came of it."""
    whole = _whole(key)
    keys = [record.pk for record in _records(whole)]
    found = get_object_or_404(Case, pk=case, customer_id__in=keys)
    if "answer" in request.POST:
        with transaction.atomic():
            if answer_case(found, cast("User", request.user)):
                note(request, mark("case answered"), "customers", whole.pk)
        return redirect("customer", whole.pk)
    form = CloseForm(request.POST)
    if form.is_valid():
        with transaction.atomic():
            if close_case(found, cast("User", request.user), form.cleaned_data["outcome"]):
                note(request, mark("case closed"), "customers", whole.pk)
        messages.success(request, translate("The case is closed."))
    else:
        messages.error(request, translate("Say what came of it before you close the case."))
    return redirect("customer", whole.pk)


# Records of one person


@needs("serve_customers")
def merges(request: HttpRequest) -> HttpResponse:
    """Records that look like one person, side by side."""
    state = request.GET.get("state", "open")
    state = state if state in dict(Proposal.STATES) else "open"
    found = Proposal.objects.filter(state=state).select_related("main__person", "other__person", "decided_by")
    page = Paginator(found.order_by("-is_sure", "id"), _PAIRS).get_page(request.GET.get("page"))
    for proposal in page:
        proposal.rows = list(_beside(proposal))  # type: ignore[attr-defined]
    if page.object_list:
        note(request, mark("seen"), "customers", pairs=len(page.object_list))
    shown: dict[str, Any] = {"page": page, "state": state, "states": Proposal.STATES, "rules": dict(Proposal.RULES)}
    shown["sure"] = Proposal.objects.filter(state="open", is_sure=True).count() if state == "open" else 0
    return render(request, "desk/merges.html", shown)


_BESIDE = (
    ("customer_id", mark("Key")),
    ("name", mark("Name")),
    ("email", mark("E-mail")),
    ("phone", mark("Telephone")),
    ("street", mark("Street")),
    ("city", mark("Town")),
    ("origin", mark("System")),
    ("first_seen_at", mark("Customer since")),
)


def _beside(proposal: Proposal) -> Any:
    """What the two records say, line by line, and whether it is the same."""
    for name, words in _BESIDE:
        first, second = (_said_by(record, name) for record in (proposal.main, proposal.other))
        if first or second:
            yield words, first, second, bool(first) and str(first).casefold() == str(second).casefold()


def _said_by(record: Customer, name: str) -> Any:
    if hasattr(record, name):
        value = getattr(record, name)
        return day(value.date()) if name == "first_seen_at" and value else value
    person: Person | None = getattr(record, "person", None)
    if name == "city" and person:
        return f"{person.postcode} {person.city}".strip()
    return getattr(person, name, "")


@needs("serve_customers")
@require_POST
def look_for_merges(request: HttpRequest) -> HttpResponse:
    """Look for records that are one person, among all."""
    with transaction.atomic():
        count = propose()
        note(request, mark("looked for records of one person"), "customers", found=count)
    messages.success(
        request, translate_count("There is {count} pair to decide.", "There are {count} pairs to decide.", count)
    )
    return redirect("merges")


@needs("serve_customers")
@require_POST
def merge_all_sure(request: HttpRequest) -> HttpResponse:
    """Merge all pairs with the same e-mail address and name."""

    def trace(pair: Proposal) -> None:
        note(request, mark("merged"), "customers", pair.main_id, other=pair.other_id)

    count = merge_sure(cast("User", request.user), trace)
    messages.success(request, translate_count("{count} pair was merged.", "{count} pairs were merged.", count))
    return redirect("merges")


@needs("serve_customers")
@require_POST
def decide_merge(request: HttpRequest, number: int) -> HttpResponse:
    """Merge a pair, leave it as two persons, or part it again."""
    proposal, user = get_object_or_404(Proposal, pk=number), cast("User", request.user)
    for what, (decide, words, told) in _DECISIONS.items():
        if what in request.POST:
            with transaction.atomic():
                decide(proposal, user)
                note(request, words, "customers", proposal.main_id, other=proposal.other_id)
            messages.success(request, translate(told))
            break
    back = request.POST.get("back", "")
    return redirect("customer", back) if back and may(user, "see_identities") else redirect("merges")


_MERGED = mark("The two records are one person now. You can part them again.")
_DECISIONS: dict[str, tuple[Callable[[Proposal, User], None], str, str]] = {
    "merge": (merge, mark("merged"), _MERGED),
    "part": (part, mark("parted"), mark("The two records are parted, as they were before.")),
    "refuse": (refuse, mark("refused to merge"), mark("They stay two persons and are not proposed again.")),
}


@needs("serve_customers")
@require_POST
def merge_with(request: HttpRequest, key: str) -> HttpResponse:
    """Merge another record, named by its key, into this person."""
    whole, other = _whole(key), request.POST.get("other", "").strip()
    if not Customer.objects.filter(pk=other).exists():
        messages.error(request, translate("There is no customer with the key {key}.", key=other or "–"))
        return redirect("customer", whole.pk)
    with transaction.atomic():
        merge_by_hand(main=whole.pk, other=other, by=cast("User", request.user))
        note(request, mark("merged"), "customers", whole.pk, other=other)
    messages.success(request, translate(_MERGED))
    return redirect("customer", whole.pk)
