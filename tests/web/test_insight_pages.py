"""Pages of figures: what each role sees of every measure, and what can be asked, taken away and saved."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from python_calamine import CalamineWorkbook

from saydo.measures import MEASURES, names_a_person
from saydo.web import answers
from saydo.web.accounts.models import Entry
from saydo.web.insight import views
from saydo.web.insight.models import View
from saydo.web.rights import ROLES

ClientOf = Callable[[str], Client]
FORMS = ("csv", "xlsx", "parquet", "json")
PEOPLE = "This list is of single customers"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what is slow, as a reader who looks again would."""
    monkeypatch.setattr(views, "PATIENCE", None)


def heading_of(page: Any) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page.content.decode(), re.DOTALL)
    assert found is not None
    return unescape(found[1])


SLOW = {"promise_cost", "promise_effect", "say_do", "lifetime_value"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in sorted(MEASURES)]
)
def test_every_measure_has_a_page_with_its_answer_or_why_there_is_none(
    company: Path, client_of: ClientOf, name: str
) -> None:
    page = client_of("manager").get(f"/figures/{name}/")
    text = page.content.decode()
    result = page.context.get("result")
    told = result is not None or str(page.context["error"]) in unescape(text)
    assert (page.status_code, told, ">None<" in text) == (200 if result else 400, True, False)
    if result is not None:
        shows_people = any(map(names_a_person, result.table.column_names))
        assert MEASURES[name].names_people() == shows_people


def test_headline_is_a_sentence_made_from_the_data(company: Path, client_of: ClientOf) -> None:
    result = answers.ask(answers.question("promises_kept"))
    record = result.to_records()[0]
    page = client_of("reader").get("/figures/promises_kept/")
    assert heading_of(page).startswith(f"{record['kept']:,} of {record['judged']:,} promises that fell due were kept")


def test_split_over_time_is_told_as_a_course_with_a_chart_for_both_widths(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/promises_kept/?by=year")
    text = page.content.decode()
    assert re.fullmatch(r"Promises kept: from \d+(\.\d)?% \(\d{4}\) to \d+(\.\d)?% \(\d{4}\)", heading_of(page))
    assert (text.count('<svg xmlns="'), text.count('class="chart"')) == (2, 2)


def test_table_is_sorted_by_the_column_that_the_address_names(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/promises_kept/?by=promise&sort=-judged")
    result = page.context["result"]
    counts = sorted(result.table["judged"].to_pylist(), reverse=True)
    place = [column.name for column in page.context["columns"]].index("judged")
    assert [row[place].text for row in page.context["rows"]] == [f"{count:,}" for count in counts]
    assert page.content.decode().count('aria-sort="descending"') == 1


def test_settings_change_the_answer_and_stay_in_the_form(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/nps/?each=answer&since=2025-01-01")
    assert dict(page.context["result"].settings)["each"] == "answer"
    assert '<option value="answer" selected>every answer</option>' in page.content.decode()
    assert page.context["period"][0].value == "2025-01-01"


def test_empty_fields_of_the_form_leave_the_address(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/nps/?by=month&by=&since=&each=person&as_of=")
    assert (page.status_code, page["Location"]) == (302, "/figures/nps/?by=month")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("by=tuchpoint", "nps cannot be split by tuchpoint."),
        ("each=nobody", "each cannot be nobody."),
        ("since=soon", "since cannot be soon."),
        ("as_of=soon", "as_of cannot be soon."),
        ("colour=red", "nps has no setting called colour."),
    ],
)
def test_mistakes_are_told_in_place(company: Path, client_of: ClientOf, query: str, told: str) -> None:
    page = client_of("reader").get(f"/figures/nps/?{query}")
    text = unescape(page.content.decode())
    assert (page.status_code, text.count(told)) == (400, 1)
    assert '<form method="get" class="ask">' in text


def test_unknown_measure_is_not_found_and_the_choices_are_told(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/nsp/")
    assert (page.status_code, "There is no measure called nsp." in page.content.decode()) == (404, True)


def test_what_takes_long_is_said_and_looked_at_again(
    company: Path, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ask_within", lambda *_: None)
    text = client_of("reader").get("/figures/nps/?by=month").content.decode()
    assert 'hx-get="/figures/nps/?by=month" hx-trigger="load delay:1500ms"' in text
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in text
    assert "Look again" in text


def test_list_holds_every_measure_under_its_square(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/")
    listed = [row.measure.name for _, rows in page.context["squares"] for row in rows]
    assert sorted(listed) == sorted(MEASURES)
    assert "Would they recommend us, and how sure is that?" in page.content.decode()


def test_list_shows_figures_that_are_kept_and_computes_none(
    company: Path, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.ask(answers.question("repeat_rate"))
    monkeypatch.setattr(answers, "_compute", lambda *_: pytest.fail("the list computes"))
    page = client_of("reader").get("/figures/?q=repeat rate")
    [row] = [row for _, rows in page.context["squares"] for row in rows if row.measure.name == "repeat_rate"]
    assert row.figure is not None
    assert row.figure.sure.startswith("95%: ")


def test_search_finds_measures_by_what_they_ask(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/?q=recommend+sure")
    assert [row.measure.name for _, rows in page.context["squares"] for row in rows] == ["nps"]
    assert "Show all figures" in client_of("reader").get("/figures/?q=zebra").content.decode()


# Rights


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_sees_figures_and_takes_them_as_far_as_its_rights_go(
    company: Path, client_of: ClientOf, role: str
) -> None:
    rights = ROLES[role][1]
    client = client_of(role)
    found = [client.get(path).status_code for path in ("/figures/", "/figures/nps/", "/figures/nps/file/csv/")]
    sees, takes = (200 if right in rights else 403 for right in ("see_figures", "export_figures"))
    assert found == [sees, sees, takes]


@pytest.mark.parametrize("path", ["/figures/at_risk/", "/figures/nps/?by=customer_id", "/figures/margin/?by=order_id"])
def test_lists_of_people_are_refused_to_who_sees_no_identity(company: Path, client_of: ClientOf, path: str) -> None:
    page = client_of("analyst").get(path)
    assert (page.status_code, PEOPLE in page.content.decode(), "result" in page.context) == (403, True, False)
    file = path.replace("/?", "/file/csv/?") if "?" in path else path + "file/csv/"
    assert client_of("analyst").get(file).status_code == 403


def test_list_of_people_is_seen_with_the_right_and_the_trail_says_so(company: Path, client_of: ClientOf) -> None:
    page = client_of("agent").get("/figures/at_risk/")
    entry = Entry.objects.get(action="seen", table="figures", key="at_risk")
    assert (page.status_code, entry.details) == (200, {"rows": len(page.context["result"])})
    assert page.context["files"] == []


def test_list_of_people_leaves_with_who_may_export_people_alone(company: Path, client_of: ClientOf) -> None:
    codes = [client_of(role).get("/figures/at_risk/file/csv/").status_code for role in ("manager", "agent", "analyst")]
    assert codes == [200, 403, 403]


def test_sums_of_people_at_risk_are_for_readers_too(company: Path, client_of: ClientOf) -> None:
    page = client_of("analyst").get("/figures/at_risk/?by=customers.country")
    assert (page.status_code, "customer_id" in page.context["result"].table.column_names) == (200, False)


def test_reader_learns_nothing_from_two_answers_a_day_apart(company: Path, client_of: ClientOf) -> None:
    days = ("2026-01-14", "2026-01-15")
    paths = [f"/figures/nps/?as_of={one}&since={one.replace('2026', '2025')}" for one in days]
    pages = [client_of("reader").get(path) for path in paths]
    assert pages[0].context["result"].table.equals(pages[1].context["result"].table)
    assert "first of a month" in pages[0].content.decode()
    api = [client_of("reader").get(path.replace("/figures/nps/", "/api/v1/figures/nps")).json() for path in paths]
    assert api[0] == api[1]
    exact = [client_of("agent").get(path) for path in paths]
    assert [str(page.context["result"].as_of.date()) for page in exact] == list(days)
    assert "first of a month" not in exact[0].content.decode()


def test_nobody_has_the_machine_open_a_file_from_afar(company: Path, client_of: ClientOf, tmp_path: Path) -> None:
    file = tmp_path / "themes.toml"
    file.write_text('["a secret"]\nword = 1\n')
    for path in (file, tmp_path / "nothing.toml"):
        page = client_of("administrator").get(f"/figures/themes/?themes={path}")
        answer = client_of("administrator").get(f"/api/v1/figures/themes?themes={path}")
        assert (page.status_code, answer.status_code) == (400, 422)
        for said in (page.content.decode(), answer.content.decode()):
            assert "files are read in the terminal" in said
            assert "a secret" not in said
    assert 'name="themes"' not in client_of("administrator").get("/figures/themes/").content.decode()


def test_small_groups_are_hidden_from_who_sees_no_identity(company: Path, client_of: ClientOf) -> None:
    path = "/figures/nps/?by=day"
    hidden = client_of("analyst").get(path).context["result"].table
    shown = client_of("manager").get(path).context["result"].table
    assert any(hidden["is_hidden"].to_pylist())
    assert ("is_hidden" in shown.column_names, shown["nps"].null_count) == (False, 0)
    taken = json.loads(client_of("analyst").get("/figures/nps/file/json/?by=day").content)
    assert [row["nps"] for row in taken] == hidden["nps"].to_pylist()


# Files


@pytest.mark.parametrize("form", FORMS)
def test_file_holds_what_the_page_shows(company: Path, client_of: ClientOf, form: str) -> None:
    client = client_of("manager")
    query = "?by=promise&sort=-judged"
    shown = client.get(f"/figures/promises_kept/{query}").context["result"].table.sort_by([("judged", "descending")])
    page = client.get(f"/figures/promises_kept/file/{form}/{query}")
    read: dict[str, Callable[[bytes], list[Any]]] = {
        "csv": lambda body: [int(row["judged"]) for row in csv.DictReader(io.StringIO(body.decode()))],
        "json": lambda body: [row["judged"] for row in json.loads(body)],
        "parquet": lambda body: pq.read_table(io.BytesIO(body))["judged"].to_pylist(),
        "xlsx": _read_sheet,
    }
    assert read[form](page.content) == shown["judged"].to_pylist()
    assert page["Content-Disposition"] == f'attachment; filename="promises_kept-promise.{form}"'
    assert Entry.objects.get(action="exported").details == {"form": form, "rows": len(shown)}


def _read_sheet(body: bytes) -> list[Any]:
    head, *rows = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0).to_python()
    return [int(row[head.index("judged")]) for row in rows]  # type: ignore[arg-type]


def test_the_same_question_is_written_for_api_terminal_and_notebook(company: Path, client_of: ClientOf) -> None:
    page = client_of("reader").get("/figures/nps/?by=month&each=answer&as_of=2026-01-01")
    assert page.context["api"] == "/api/v1/figures/nps?by=month&as_of=2026-01-01&each=answer"
    assert page.context["command"] == (
        'saydo measure nps "$SAYDO_HOME/facts" --by month --as-of 2026-01-01 --set each=answer'
    )
    assert "(facts, by='month', as_of='2026-01-01', each='answer')" in page.context["snippet"]


# Saved views


def test_saved_view_stands_at_the_top_for_its_owner_and_if_shared_for_all(company: Path, client_of: ClientOf) -> None:
    client = client_of("analyst")
    for name, shared in (("Mine", ""), ("Ours", "1")):
        form = {"name": name, "measure": "nps", "query": "by=month&each=answer", "is_shared": shared}
        saved = client.post("/figures/views/", form)
        assert (saved.status_code, saved["Location"]) == (302, "/figures/nps/?by=month&each=answer")
    own, others = client.get("/figures/"), client_of("reader").get("/figures/")
    assert [view.name for view in own.context["views"]] == ["Mine", "Ours"]
    assert [view.name for view in others.context["views"]] == ["Ours"]
    assert '<a href="/figures/nps/?by=month&amp;each=answer">Ours</a>' in others.content.decode()


def test_saved_view_is_changed_and_deleted_by_its_owner_alone(company: Path, client_of: ClientOf) -> None:
    client = client_of("analyst")
    client.post("/figures/views/", {"name": "Old", "measure": "nps", "query": ""})
    view = View.objects.get()
    assert client_of("manager").post(f"/figures/views/{view.pk}/", {"name": "Theirs"}).status_code == 404
    client.post(f"/figures/views/{view.pk}/", {"name": "New", "is_shared": "1"})
    view.refresh_from_db()
    assert (view.name, view.is_shared) == ("New", True)
    client.post(f"/figures/views/{view.pk}/", {"delete": "1"})
    assert View.objects.count() == 0


def test_saving_without_a_name_is_refused(company: Path, client_of: ClientOf) -> None:
    client = client_of("analyst")
    page = client.post("/figures/views/", {"name": " ", "measure": "nps", "query": ""}, follow=True)
    assert ("Give the view a name." in page.content.decode(), View.objects.count()) == (True, 0)


def test_reader_saves_no_view(company: Path, client_of: ClientOf) -> None:
    assert client_of("reader").post("/figures/views/", {"name": "x", "measure": "nps"}).status_code == 403


# Besides


def test_list_asks_the_database_as_often_for_three_views_as_for_one(
    company: Path, client_of: ClientOf, user_of: Callable[[str], Any]
) -> None:
    from django.db import connection

    client = client_of("analyst")
    counts = []
    for number in range(3):
        View.objects.create(name=f"View {number}", measure="nps", owner=user_of("manager"), is_shared=True)
        client.get("/figures/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/figures/")
        counts.append(len(queries))
    assert counts[0] == counts[2]


def test_pages_speak_french(company: Path, user_of: Callable[[str], Any]) -> None:
    reader = user_of("reader")
    reader.language = "fr"
    reader.save()
    client = Client()
    client.force_login(reader)
    page = client.get("/figures/nps/?by=year")
    assert 'lang="fr"' in page.content.decode()
    assert heading_of(page).startswith("Net Promoter Score")
    assert "Qu’est-ce qui" in client.get("/figures/").content.decode() or "recommand" in page.content.decode()
