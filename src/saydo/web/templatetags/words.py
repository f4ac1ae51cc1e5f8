"""Words, numbers, dates and money in templates, from the one catalogue that core and pages share.

{% say "{kept} of {judged} promises were kept." kept=kept|number judged=judged|number %}
{{ rate|percent:1 }}   {{ amount|money:"EUR" }}   {{ order.ordered_at|day }}
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from babel import dates
from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from saydo import language
from saydo.charts import Chart

register = template.Library()


@register.simple_tag
def say(text: str, **values: Any) -> SafeString:
    """A message of the catalogue with its named places filled; values are escaped, the message is ours."""
    return format_html(language.translate(text), **values) if values else mark_safe(language.translate(text))  # noqa: S308


@register.simple_tag
def say_count(one: str, many: str, count: int, **values: Any) -> SafeString:
    """A message that counts, in the plural form that ``count`` asks for."""
    escaped = {name: conditional_escape(value) for name, value in values.items()}
    return mark_safe(language.translate_count(one, many, count, **escaped))  # noqa: S308


@register.filter
def said(text: str) -> str:
    """A message that stands in a value (a measure's title)."""
    return language.translate(text)


@register.filter
def number(value: float | None, digits: int = 0) -> str:
    """A number with the reader's separators."""
    return language.number(value, digits)


@register.filter
def percent(share: float | None, digits: int = 0) -> str:
    """A share from 0 to 1 as a percentage."""
    return language.percent(share, digits)


@register.filter
def probability(p: float | None, digits: int = 3) -> str:
    """A p-value, never 0."""
    return language.probability(p, digits)


@register.filter
def money(amount: float | None, currency: str | None = None) -> str:
    """An amount with its cents and currency."""
    return language.money(amount, currency, 2)


@register.filter
def day(value: date | datetime | None) -> str:
    """A day in the reader's form (times: their UTC day)."""
    return language.day(value.date() if isinstance(value, datetime) else value)


@register.filter
def time(value: datetime | None) -> str:
    """A day with its time."""
    return "–" if value is None else dates.format_datetime(value, "medium", locale=language.current_locale())


@register.filter
def drawn(chart: Chart) -> SafeString:
    """A chart as SVG; Vega and `saydo.charts.look` have escaped its texts."""
    return mark_safe(chart.svg().replace(' xmlns="http://www.w3.org/2000/svg"', "", 1))  # noqa: S308
