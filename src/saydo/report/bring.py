"""What contracts and recommendations bring: a new contract, those that run, a customer brought by another."""

from __future__ import annotations

from saydo.charts import Grid
from saydo.charts.figures import begin, count_of, heading, show, show_interval, signed_points
from saydo.charts.listed import Look, listed, point_of
from saydo.language import number, percent, translate, translate_count
from saydo.report.story import LEAST, Figure, Questions, Record, Section, Step, first, known, notes_of, picture_by


def what_contracts_are_worth(questions: Questions) -> Section | None:
    """What a new contract is worth and what those running will still leave, by how long a period lasts."""
    result = questions.ask("contract_value")
    rows = sorted(known(result), key=lambda record: -record["running"])
    if result is None or not rows or rows[0]["due"] < LEAST:
        return None
    top = rows[0]
    shown = {
        "new": show(top["value_new"], "money", result.currency),
        "running": show(top["value_running"], "money", result.currency),
        "count": number(top["running"]),
        "rate": show(top["renewal_rate"], "share"),
        "rate_interval": show_interval(top["renewal_low"], top["renewal_high"], "share"),
    }
    told = translate(
        "A contract that begins today can be expected to leave {new}; the {count} that run, {running} still", **shown
    )
    texts = [
        translate(
            "Of the renewals that came due, {rate} were passed (95%: {rate_interval}). Contracts that renewed often "
            "renew more surely, and the figures know it; they take for granted that later renewals go on as earlier "
            "ones did.",
            **shown,
        )
    ]
    lost = sum(record["lost_renewals"] for record in rows)
    advice = translate_count(
        "Ask why the contract was ended at its renewal, and write to the next before its day comes.",
        "Ask why {count} contracts were ended at a renewal, and write to the others before their day comes.",
        lost,
    )
    interval = show_interval(top["value_new_low"], top["value_new_high"], "money", result.currency)
    counted = count_of("contracts", top["contracts"])
    return Section(
        "contracts",
        told,
        Figure(
            translate("Value of a new contract"),
            shown["new"],
            translate("95%: {interval} · {count}", interval=interval, count=counted),
        ),
        texts,
        table=_list_contracts(rows, result.currency),
        step=Step(advice, lost, "contracts") if lost else None,
        notes=notes_of(result),
    )


def _list_contracts(rows: list[Record], currency: str | None) -> Grid:
    head = ("period_months", "running", "renewal_rate", "value_new", "value_running")
    cells = tuple(
        (
            number(record["period_months"]),
            number(record["running"]),
            show(record["renewal_rate"], "share"),
            show(record["value_new"], "money", currency),
            show(record["value_running"], "money", currency),
        )
        for record in rows
    )
    return Grid(tuple(map(heading, head)), cells)


def what_recommendations_bring(questions: Questions) -> Section | None:
    """The worth of a customer brought by another, for three shares of those who would have come anyway."""
    result = questions.ask("referral_value")
    record = first(result)
    if result is None or record is None or record["brought"] < LEAST or record["value_50_low"] is None:
        return None
    shares = {name: show(record[name], "money", result.currency) for name in ("value_0", "value_50", "value_100")}
    texts = [
        translate(
            "Of {referrals} recommendations, {share} became customers. How many of these would have come without one "
            "cannot be seen without a trial, so the figure stands for three answers: nobody, half, all.",
            referrals=number(record["referrals"]),
            share=percent(record["conversion_rate"]),
        ),
        *_how_they_stay(questions),
        *_who_recommends(questions),
    ]
    look = Look(
        translate("Worth of a customer brought, by how many would have come anyway"),
        (translate("would have come anyway"), translate("worth of a customer brought"), heading("brought")),
        lambda value: show(value, "money", result.currency),
        reference=0,
    )
    names = {"0": translate("nobody"), "50": translate("half of them"), "100": translate("all of them")}
    points = [
        point_of(begin(name), record, f"value_{anyway}", count_of("customers", record["brought"]))
        for anyway, name in names.items()
    ]
    interval = show_interval(record["value_50_low"], record["value_50_high"], "money", result.currency)
    figure = Figure(
        translate("Worth of a customer brought, if half would have come anyway"),
        shares["value_50"],
        translate("95%: {interval} · {count}", interval=interval, count=count_of("customers", record["brought"])),
    )
    return Section(
        "referrals",
        _referral_heading(record, shares),
        figure,
        texts,
        [picture_by(lambda width: listed(points, look, width))],
        step=_thank(questions),
        notes=notes_of(result),
    )


def _referral_heading(record: Record, shares: dict[str, str]) -> str:
    if record["value_100_low"] is not None and min(record["value_100_low"], record["value_0_low"]) > 0:
        return translate(
            "A customer brought by another is worth {value_100} to {value_0}, however many would have come anyway",
            **shares,
        )
    if record["value_50_low"] > 0:
        return translate(
            "A customer brought by another is worth {value_50}, if half of them would have come anyway", **shares
        )
    if record["value_0_low"] is not None and record["value_0_low"] > 0:
        return translate(
            "Recommendations pay only if few of those brought would have come anyway: {value_0} each if none would",
            **shares,
        )
    return translate("Recommendations do not pay for their reward that could be told from noise")


def _how_they_stay(questions: Questions) -> list[str]:
    """Their first year beside that of the others who came in the same quarter with a like purchase."""
    rows = {record["came"]: record for record in known(questions.ask("referred", years=1))}
    record, others = rows.get("brought"), rows.get("otherwise")
    if not record or not others or record["matched"] is None or record["matched"] < LEAST:
        return []
    low, high = record["bought_difference_low"], record["bought_difference_high"]
    if low is None or high is None:
        return []
    said = {
        "brought": show(record["bought_rate"], "share"),
        "others": show(others["bought_rate"], "share"),
        "difference": signed_points(record["bought_difference"]),
        "interval": translate("{low} to {high}", low=signed_points(low), high=signed_points(high)),
    }
    if low <= 0 <= high:
        told = translate(
            "In the year after their first purchase {brought} of those brought bought again, of the others {others}: "
            "no difference that could be told from noise (like for like {difference} points of percent, 95%: "
            "{interval}).",
            **said,
        )
    else:
        told = translate(
            "In the year after their first purchase {brought} of those brought bought again, of the others {others}: "
            "like for like {difference} points of percent (95%: {interval}). Who is brought is often like the one "
            "who recommends; it is no effect of recommending.",
            **said,
        )
    return [told]


def _groups(questions: Questions) -> dict[str, Record]:
    return {record["group"]: record for record in known(questions.ask("referrers"))}


def _who_recommends(questions: Questions) -> list[str]:
    groups = _groups(questions)
    champions, advocates = (groups.get(name) for name in ("champions", "advocates"))
    if not champions or not advocates:
        return []
    result = questions.ask("referrers")
    currency = result.currency if result else None
    return [
        translate(
            "{share} of the customers brought somebody of worth. Most of what they bring, {worth}, comes from those "
            "who buy less than most themselves: {each} each, which their own purchases do not show.",
            share=percent(champions["customer_share"] + advocates["customer_share"]),
            worth=percent(advocates["worth_share"]),
            each=show(advocates["worth_per_customer"], "money", currency),
        )
        if advocates["worth_share"] > 0.5
        else translate(
            "{share} of the customers brought somebody of worth; {worth} of that comes from those who buy less than "
            "most themselves.",
            share=percent(champions["customer_share"] + advocates["customer_share"]),
            worth=percent(advocates["worth_share"]),
        )
    ]


def _thank(questions: Questions) -> Step | None:
    advocates = _groups(questions).get("advocates")
    if not advocates:
        return None
    text = translate_count(
        "Thank the customer who brings others and buys little: by what it buys alone it would be overlooked.",
        "Thank the {count} customers who bring others and buy little: by what they buy alone they would be overlooked.",
        advocates["customers"],
    )
    return Step(text, advocates["customers"], "referrals")
