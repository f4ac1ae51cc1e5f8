"""What comes round: alerts looked at once a period, and the week in a letter."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.template.loader import render_to_string

from saydo.language import language, translate, use
from saydo.report.story import Questions
from saydo.report.today import tell_today
from saydo.web import feed
from saydo.web.accounts.models import Company, User
from saydo.web.alerts.actions import check_alert
from saydo.web.alerts.models import Alarm, Alert, Digest
from saydo.web.alerts.words import tell_alarm
from saydo.web.rights import may

logger = logging.getLogger(__name__)


def check() -> int:
    """Look at every alert whose period is over and tell its owner; how many alarms were given. Cheap if none is due."""
    if not feed.version():
        return 0
    facts, given = feed.current_facts(), 0
    for alert in Alert.objects.select_related("owner").filter(owner__is_active=True):
        if not may(alert.owner, "see_figures"):
            continue
        with use(alert.owner.language or "en"):
            alarms = check_alert(alert, facts)
            given += len(alarms)
            if alarms:
                _tell(alert.owner, alarms)
    return given


def send_digests() -> int:
    """Write to everybody who wants the week in a letter and has not had the last one; how many letters went out."""
    if not feed.version() or not settings.SENDS_MAIL:
        return 0
    check()  # the letter tells the alarms of the week that is over
    facts = feed.current_facts()
    monday = _last_monday(facts.local_day(facts.as_of))
    due = Digest.objects.select_related("reader").filter(Q(sent_until=None) | Q(sent_until__lt=monday))
    letters: dict[str, str] = {}
    sent = 0
    for digest in due.filter(reader__is_active=True):
        if not may(digest.reader, "see_figures"):
            continue
        code = digest.reader.language or "en"
        with use(code):
            letter = letters.get(code) or letters.setdefault(code, write_digest(monday))
            if _send(digest.reader, translate("{company}: the week", company=Company.here().name), letter):
                sent += 1
                digest.sent_until = monday
                digest.save(update_fields=["sent_until"])
    return sent


def write_digest(until: date) -> str:
    """The letter, in the language in use: what changed, what to mend, the alarms of the week. It names nobody."""
    today = tell_today(Questions(feed.current_facts().keeping()))
    alarms = Alarm.objects.select_related("alert").filter(until__gt=until - timedelta(days=7), until__lte=until)
    told = [tell_alarm(alarm) for alarm in alarms]
    page: dict[str, Any] = {"today": today, "alarms": told, "address": settings.ADDRESS, "language": language()}
    return render_to_string("alerts/digest.txt", page).strip() + "\n"


def _last_monday(today: date) -> date:
    return today - timedelta(days=today.weekday())


def _tell(owner: User, alarms: list[Alarm]) -> None:
    if settings.SENDS_MAIL:
        lines = [tell_alarm(alarm) for alarm in alarms]
        _send(owner, translate("A figure got worse"), "\n\n".join([*lines, settings.ADDRESS + "/alerts/"]))


def _send(reader: User, subject: str, text: str) -> bool:
    try:
        send_mail(subject, text, None, [reader.email])
    except (OSError, SMTPException) as error:
        logger.warning("a letter did not leave: %s", type(error).__name__)
        return False
    return True
