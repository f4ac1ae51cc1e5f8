"""Figures that are watched, and the week in a letter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core import mail
from django.test import Client
from scipy.stats import binom
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures import MEASURES
from saydo.stats.changes import compare_limits
from saydo.stats.intervals import wilson
from saydo.web import answers, feed
from saydo.web.alerts import tasks
from saydo.web.alerts.actions import check_alert, last_period, threshold, watchable
from saydo.web.alerts.models import Alarm, Alert, Digest
from saydo.web.alerts.words import tell_alarm

ClientOf = Callable[[str], Client]
UserOf = Callable[[str], Any]


def promises(kept_by_month: dict[date, tuple[int, int]]) -> list[dict[str, Any]]:
    """For each month so many promises kept and broken, one customer each."""
    rows = []
    for month, (kept, broken) in kept_by_month.items():
        for number in range(kept + broken):
            due = month + timedelta(days=number % 27)
            rows.append(
                {
                    "promise": "delivery",
                    "customer_id": f"{month}-{number}",
                    "made_at": f"{due - timedelta(days=2)}",
                    "due_at": f"{due}T12:00",
                    "fulfilled_at": f"{due if number < kept else due + timedelta(days=3)}T10:00",
                }
            )
    return rows


def months(count: int, kept: int, broken: int) -> dict[date, tuple[int, int]]:
    return {date(2024 + month // 12, month % 12 + 1, 1): (kept, broken) for month in range(count)}


@pytest.fixture
def facts_of(tmp_path: Path, settings: Any) -> Callable[[dict[date, tuple[int, int]]], Facts]:
    """The application's facts, replaced by a company that keeps its promises as said."""

    def replace(kept_by_month: dict[date, tuple[int, int]]) -> Facts:
        settings.FACTS, settings.HOME = tmp_path, tmp_path
        later = max(kept_by_month) + timedelta(days=40)
        last = {"order_id": "last", "ordered_at": f"{later}"}
        make_facts(tmp_path, commitments=promises(kept_by_month), orders=[last])
        return feed.current_facts()

    return replace


def watch(owner: Any, **more: Any) -> Alert:
    return Alert.objects.create(measure="promises_kept", owner=owner, **more)


def test_alert_tells_that_a_month_was_worse(facts_of: Any, user_of: UserOf) -> None:
    facts = facts_of(months(13, 90, 10) | {date(2025, 2, 1): (60, 40)})
    (alarm,) = check_alert(watch(user_of("manager")), facts)
    assert (alarm.since, alarm.until) == (date(2025, 2, 1), date(2025, 3, 1))
    assert (round(alarm.before, 3), round(alarm.after, 3)) == (0.9, 0.6)
    assert alarm.high < 0
    assert tell_alarm(alarm).startswith("Promises kept: 60% in February 2025, against 90% in the year before")


def test_alert_is_silent_where_nothing_changed_or_all_got_better(facts_of: Any, user_of: UserOf) -> None:
    alert = watch(user_of("manager"))
    assert check_alert(alert, facts_of(months(13, 90, 10) | {date(2025, 2, 1): (89, 11)})) == []
    alert.checked_until = None
    assert check_alert(alert, facts_of(months(13, 70, 30) | {date(2025, 2, 1): (100, 0)})) == []


def test_alert_looks_at_a_period_once(facts_of: Any, user_of: UserOf) -> None:
    facts = facts_of(months(13, 90, 10) | {date(2025, 2, 1): (60, 40)})
    alert = watch(user_of("manager"))
    assert len(check_alert(alert, facts)) == 1
    assert check_alert(alert, facts) == []
    alert.checked_until = None  # as if the process had died before it was written down
    assert check_alert(alert, facts) == []
    assert Alarm.objects.count() == 1


def test_alert_says_why_it_cannot_look(facts_of: Any, user_of: UserOf) -> None:
    alert = watch(user_of("manager"))
    assert check_alert(alert, facts_of({date(2025, 2, 1): (60, 40)})) == []
    assert "too little is known from before" in alert.trouble


@pytest.mark.parametrize(
    ("rhythm", "today", "since", "until"),
    [
        ("month", date(2025, 3, 1), date(2025, 2, 1), date(2025, 3, 1)),
        ("month", date(2025, 1, 31), date(2024, 12, 1), date(2025, 1, 1)),
        ("week", date(2025, 3, 3), date(2025, 2, 24), date(2025, 3, 3)),
        ("week", date(2025, 3, 9), date(2025, 2, 24), date(2025, 3, 3)),
    ],
)
def test_last_period_is_the_last_one_over(rhythm: str, today: date, since: date, until: date) -> None:
    period = last_period(rhythm, today)
    assert (period.since, period.until) == (since, until)


def test_threshold_gives_as_many_false_alarms_as_were_asked_for(user_of: UserOf) -> None:
    alert = Alert(measure="nps", rhythm="week", false_alarms=1.0, owner=user_of("manager"))
    # 52 looks a year at 4 groups, of which half of all chance finds are bad news
    assert 52 * 4 * threshold(alert, 4) / 2 == pytest.approx(1.0)


def test_false_alarms_come_as_often_as_was_said(user_of: UserOf) -> None:
    """2,000 months without any change: binomial around the chance that was asked for."""
    alert = Alert(measure="promises_kept", rhythm="month", false_alarms=0.5, owner=user_of("manager"))
    chance = np.random.default_rng(20261122)
    sizes = (np.full(2000, 3600), np.full(2000, 300))
    limits = []
    for size in sizes:
        kept = chance.binomial(size, 0.9).astype(float)
        limits.append((kept / size, *wilson(kept, size.astype(float))))
    change = compare_limits(limits[0], limits[1])
    limit = threshold(alert, 1)
    alarms = int(((change.p < limit) & (change.difference < 0)).sum())
    expected = 0.5 / 12
    assert 0.001 < binom.cdf(alarms, 2000, expected) < 0.999, alarms / 2000


def test_watchable_are_figures_with_an_interval_of_any_period() -> None:
    names = set(watchable())
    assert {"nps", "promises_kept", "returns_rate", "satisfaction"} <= names
    assert names < set(MEASURES)
    assert "margin" not in names


def test_alerts_page_makes_and_ends_an_alert(company: Path, client_of: ClientOf) -> None:
    manager = client_of("manager")
    asked = {"measure": "promises_kept", "split": "touchpoint", "rhythm": "week", "false_alarms": "0.5"}
    assert manager.post("/alerts/", asked).status_code == 302
    alert = Alert.objects.get()
    assert (alert.split, alert.rhythm, alert.false_alarms) == ("touchpoint", "week", 0.5)
    assert "Promises kept by touchpoint" in manager.get("/alerts/").content.decode()
    manager.post(f"/alerts/{alert.pk}/end/")
    assert Alert.objects.count() == 0


def test_alerts_page_says_what_is_wrong_at_the_field(company: Path, client_of: ClientOf) -> None:
    asked = {"measure": "promises_kept", "split": "colour", "rhythm": "week", "false_alarms": "0.5"}
    answer = client_of("manager").post("/alerts/", asked)
    assert answer.status_code == 422
    assert "colour" in answer.content.decode()


def test_alert_on_single_customers_is_refused(company: Path, client_of: ClientOf) -> None:
    asked = {"measure": "promises_kept", "split": "customer_id", "rhythm": "month", "false_alarms": "0.5"}
    page = client_of("analyst").post("/alerts/", asked)
    assert "not single customers" in page.content.decode()
    assert Alert.objects.count() == 0


def test_alerts_of_others_are_ended_by_administrators_alone(
    company: Path, client_of: ClientOf, user_of: UserOf
) -> None:
    alert = watch(user_of("manager"))
    client_of("analyst").post(f"/alerts/{alert.pk}/end/")
    assert Alert.objects.count() == 1
    client_of("administrator").post(f"/alerts/{alert.pk}/end/")
    assert Alert.objects.count() == 0


def test_check_tells_the_owner_by_letter(facts_of: Any, user_of: UserOf, settings: Any) -> None:
    settings.SENDS_MAIL = True
    facts_of(months(13, 90, 10) | {date(2025, 2, 1): (60, 40)})
    owner = user_of("manager")
    owner.language = "fr"
    owner.save(update_fields=["language"])
    watch(owner)
    assert tasks.check() == 1
    assert [letter.to for letter in mail.outbox] == [[owner.email]]
    assert "février 2025" in mail.outbox[0].body
    assert tasks.check() == 0


def test_digest_goes_out_once_a_week_and_names_nobody(company: Path, user_of: UserOf, settings: Any) -> None:
    from saydo.web.customers.models import Person

    settings.SENDS_MAIL = True
    Digest.objects.create(reader=user_of("reader"))
    assert tasks.send_digests() == 1
    assert tasks.send_digests() == 0
    letter = mail.outbox[0].body
    assert "Net Promoter Score" in letter
    assert not {"<", "&"} & set(letter)
    assert not any(name in letter for name in Person.objects.exclude(name="").values_list("name", flat=True))


def test_alarms_leave_the_first_page_when_seen(facts_of: Any, client_of: ClientOf, user_of: UserOf) -> None:
    check_alert(watch(user_of("manager")), facts_of(months(13, 90, 10) | {date(2025, 2, 1): (60, 40)}))
    agent = client_of("agent")
    assert "1 figure got worse by more than chance" in agent.get("/alerts/").content.decode()
    agent.post("/alerts/seen/")
    assert Alarm.objects.filter(seen_at=None).count() == 0


def test_answers_used_by_alerts_are_kept(facts_of: Any, user_of: UserOf) -> None:
    check_alert(watch(user_of("manager")), facts_of(months(13, 90, 10) | {date(2025, 2, 1): (60, 40)}))
    since, until = date(2025, 2, 1), date(2025, 3, 1)
    asked = answers.question("promises_kept", settings={"since": since, "until": until})
    assert answers.find_kept(asked) is not None
