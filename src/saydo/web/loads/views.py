"""Loading by page: give files, see what they are, mend what was recognised wrongly, try, load, see what was refused."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from saydo.export import write_csv
from saydo.sources import FOLDER, READABLE, count_refused, list_sources, read_refused, refused_table
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import Company
from saydo.web.loads import actions, tasks
from saydo.web.loads.forms import Settings, check_files, check_source, read_picks, show_picks
from saydo.web.loads.models import Load
from saydo.web.rights import may, needs
from saydo.web.worker import is_alive

_PAGE = 25
_ROWS = 50


@needs("load_data")
def load(request: HttpRequest) -> HttpResponse:
    """All loads, and the way to a new one."""
    wrong: dict[str, list[str]] = {}
    source = request.POST.get("source", FOLDER)
    if request.method == "POST":
        files = request.FILES.getlist("files")
        wrong = {name: said for name, said in (("files", check_files(files)), ("source", check_source(source))) if said}
        if not wrong:
            return redirect("load_one", _take(request, files, source).id)
    page = Paginator(Load.objects.select_related("by"), _PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "wrong": wrong, "source": source, "sources": list_sources()}
    return render(request, "loads/load.html", context, status=400 if wrong else 200)


def _take(request: HttpRequest, files: Sequence[UploadedFile[Any]], source: str) -> Load:
    """Lay the files down, closed to others; large ones are on the disk already and only moved."""
    company = Company.here()
    given = {"zone": company.zone, "currency": company.currency} if source == FOLDER else {}
    user = request.user if request.user.is_authenticated else None
    one = actions.begin(source=source, origin="main", given=given, by=user)
    for file in files:
        target = one.raw / Path(str(file.name)).name
        if isinstance(file, TemporaryUploadedFile):
            Path(file.temporary_file_path()).replace(target)
        else:
            with target.open("wb") as out:
                out.writelines(file.chunks())
        target.chmod(0o600)
    one.files = [[path.name, path.stat().st_size] for path in sorted(one.raw.iterdir())]
    one.save(update_fields=["files"])
    if source == FOLDER:
        actions.look_at(one)
    note(request, "gave files", "loads", str(one.id), files=len(files))
    return one


@needs("load_data")
def load_one(request: HttpRequest, number: int) -> HttpResponse:
    """One load: what its files are, how far it is, what became of it."""
    one = get_object_or_404(Load.objects.select_related("by"), id=number)
    if one.is_under_way:
        return render(request, "loads/under_way.html", _tell_progress(one))
    if one.state == "done" or not one.files or not one.raw.is_dir():
        return render(request, "loads/result.html", {"one": one, "rows": _rows(one)})
    return _prepare(request, one)


def _rows(one: Load) -> list[tuple[str, dict[str, int]]]:
    empty = {"kept": 0, "written": 0, "refused": 0}
    return [(table, {**empty, **counted}) for table, counted in one.counts.items()]


def _prepare(request: HttpRequest, one: Load) -> HttpResponse:
    """Show, change and begin a load whose files are here."""
    then = request.POST.get("then", "")
    found = actions.recall(one) if one.source == FOLDER else []
    picks = one.read_picks()
    form = Settings(request.POST or None, initial={**one.given, "origin": one.origin})
    missing = False
    if request.method == "POST":
        picks = read_picks(found, request.POST)
        missing = any(pick.missing for pick in picks.values()) or (
            bool(found) and not any(p.table for p in picks.values())
        )
        if form.is_valid() and not (then and missing):
            return _change(request, one, form, picks, then)
    context: dict[str, Any] = {"one": one, "form": form, "files": show_picks(found, picks), "tables": READABLE}
    context |= {"rows": _rows(one), "missing": missing and then, "folder": FOLDER}
    context |= {"reasons": _reasons(request, one), "values": form.data if form.is_bound else form.initial}
    return render(request, "loads/prepare.html", context, status=400 if request.method == "POST" else 200)


def _change(request: HttpRequest, one: Load, form: Settings, picks: Any, then: str) -> HttpResponse:
    given = {name: form.cleaned_data[name] for name in ("zone", "currency", "dates") if form.cleaned_data[name]}
    one.origin, is_same = form.cleaned_data["origin"], (given, picks) == (one.given, one.read_picks())
    one.given = given
    one.save(update_fields=["origin", "given"])
    if not is_same:
        actions.pick(one, picks, by=request.user if request.user.is_authenticated else None)
    if then in {"try", "load"}:
        tasks.start(one, is_trial=then == "try")
        note(request, "tried a load" if then == "try" else "started a load", "loads", str(one.id))
    return redirect("load_one", one.id)


def _reasons(request: HttpRequest, one: Load) -> list[Any]:
    """Why rows were refused in the trial, the most frequent reasons first, each with its first row."""
    from saydo.sources import refusals

    if one.state == "draft" or not one.quarantine.is_dir():
        return []
    return refusals(one.place)[:20]


@needs("load_data")
@require_GET
def load_progress(request: HttpRequest, number: int) -> HttpResponse:
    """How far a load is, for the page to show in its place; the page itself once it has ended."""
    one = get_object_or_404(Load, id=number)
    if not one.is_under_way:
        return HttpResponseClientRefresh()
    return render(request, "loads/_progress.html", _tell_progress(one))


def _tell_progress(one: Load) -> dict[str, Any]:
    is_at_work = actions.is_at_work(one)
    what, done, total = actions.read_progress(one) if is_at_work else ("", 0, 0)
    share = round(100 * done / total) if total else None
    return {
        "one": one,
        "what": what,
        "done": done,
        "total": total,
        "share": share,
        "is_interrupted": one.state != "waiting" and not is_at_work,
        "has_worker": is_at_work or one.state != "waiting" or is_alive(),
    }


@needs("load_data")
@require_POST
def load_go_on(request: HttpRequest, number: int) -> HttpResponse:
    """Begin again where a load was interrupted."""
    one = get_object_or_404(Load, id=number)
    if one.state != "done" and not actions.is_at_work(one):
        tasks.start(one, is_trial=one.is_trial)
        note(request, "went on with a load", "loads", str(one.id))
    return redirect("load_one", one.id)


@needs("load_data")
@require_POST
def load_drop(request: HttpRequest, number: int) -> HttpResponse:
    """Throw away files that were not loaded."""
    one = get_object_or_404(Load, id=number)
    if one.is_open:
        actions.drop(one)
        note(request, "threw away files", "loads", str(number))
    return redirect("load")


@needs("load_data")
@require_GET
def load_refused(request: HttpRequest, number: int) -> HttpResponse:
    """The refused rows of a load, page by page."""
    one = _with_refused(request, number)
    counts, table = count_refused(one.quarantine), request.GET.get("table", "")
    table = table if table in counts else ""
    paginator = Paginator(range(counts[table] if table else sum(counts.values())), _ROWS)
    page = paginator.get_page(request.GET.get("page"))
    rows = read_refused(one.quarantine, table, page.start_index() - 1 if len(page) else 0, _ROWS)
    note(request, "saw refused rows", "loads", str(one.id), rows=len(rows))
    context = {"one": one, "rows": rows, "counts": counts, "table": table, "page": page}
    return render(request, "loads/refused.html", context)


@needs("load_data")
@require_GET
def load_refused_file(request: HttpRequest, number: int) -> HttpResponse | FileResponse:
    """The same rows as a file."""
    one = _with_refused(request, number)
    rows = refused_table(one.quarantine, request.GET.get("table", ""))
    note(request, "took refused rows away", "loads", str(one.id), rows=rows.num_rows)
    sheet = io.BytesIO()
    write_csv(rows, sheet)
    sheet.seek(0)
    return FileResponse(sheet, as_attachment=True, filename=f"refused-{one.id}.csv", content_type="text/csv")


def _with_refused(request: HttpRequest, number: int) -> Load:
    """The load, for somebody who may see whom its rows are about."""
    from django.core.exceptions import PermissionDenied

    if not may(request.user, "see_identities"):
        raise PermissionDenied
    one = get_object_or_404(Load, id=number)
    if not one.quarantine.is_dir():
        raise Http404
    return one
