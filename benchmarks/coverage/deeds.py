"""Cases of what became of customers, of models of purchases, of what goes with the score, and of broken promises.

What follows from no plan is compared with what the measure says of all companies of the simulation as one.
"""

from __future__ import annotations

from typing import Literal

from benchmarks.coverage import truths
from benchmarks.coverage.kinds import HARM, LIVED, PLACEBO, PLAIN, Ask, Case, Setting

_Source = Literal["all companies"]
ALL: _Source = "all companies"
BOUGHT, LATE = ("bought_rate", "bought"), ("effects", "delivery_date", "bought_again", "180")
ON_SCORE = ("effects", "delivery_date", "score")
STANDARD = {"is_standard": True}
CONFOUNDED = (
    "distance and size make parcels late and customers buy less: the plain difference takes both for the effect"
)
OVERFITTED = (
    "a score that means nothing makes a fitted model foretell a little worse, so that the true gain of each lies below "
    "the 0 that stands here"
)
TAKEN_AS_GIVEN = (
    "with the 250 late parcels of a company, or the 60 of which somebody says anything, the errors of the models "
    "themselves, which are not in the interval, still show: it is a little too narrow"
)
OF_GOODS = (
    "the truth is that of goods less what they cost; the measure also takes off what comes back and what service "
    "costs, so that it lies nearer to 0 by about a fifth of its error"
)
OF_MEANS = "the mean of many purchases scatters less than that of few, which Fisher's z does not know: it is too wide"
SKEWED = "the most likely value of so skewed a law lies above the true one on average: by a quarter of its error"
ROUNDED = (
    "facts are looked at by whole days and purchases of one day are one, which moves r and alpha up by some three "
    "percent, and what follows from them together by nothing"
)
SMALL_LIST = (
    "of so few cases that two of each kind lie in a stratum nearly nothing can be told, and the interval says so"
)
NEVER_BELOW_0 = (
    "a part of R^2 is never below 0, so that drivers which explain next to nothing seem to explain a little in a few "
    "hundred answers, half a point each"
)
GROWS_WITH_DRIVERS = (
    "R^2 grows with every driver, whether it matters or not: by two points or three with a dozen of them"
)


def _said_and_done() -> tuple[Case, ...]:
    say_do = Ask(PLAIN, "say_do", is_dear=True)
    curve, cuts, value = (
        Ask(PLAIN, "loyalty_curve", is_dear=True),
        Ask(LIVED, "cut_points"),
        Ask(PLAIN, "score_value", is_dear=True),
    )
    recovery = Ask(PLACEBO, "recovery", is_dear=True)
    difference = ("bought_difference", "bought_difference")
    bands = ("detractors", "promoters", "silent", "never asked")
    answered = [{"group": name} for name in ("content", "answered")]
    rows = {"encoding": "score"}
    return (
        *(Case(f"bought again, {band}", say_do, *BOUGHT, None, {"band": band, "score": None}, ALL) for band in bands),
        *(
            Case(f"bought again, {band} less passives, no effect", say_do, *difference, truths.zero, {"band": band})
            for band in bands
        ),
        Case(
            "margin after a 9 or 10", say_do, "margin_mean", "margin", None, {"band": "promoters", "score": None}, ALL
        ),
        Case("bought again, along the loyalty curve", curve, *BOUGHT, None, {}, ALL),
        Case("margin, along the loyalty curve", curve, "margin_mean", "margin", None, {}, ALL),
        *(
            Case(f"bought again, {band} by the standard cuts", cuts, f"{band}_rate", band, None, STANDARD, ALL)
            for band in ("detractor", "passive", "promoter")
        ),
        Case(
            "gain by a score that means nothing",
            value,
            "gain",
            "gain",
            truths.zero,
            rows,
            known=OVERFITTED,
            is_off=True,
        ),
        Case(
            "area gained by a score that means nothing",
            value,
            "area_gain",
            "area_gain",
            truths.zero,
            rows,
            known=OVERFITTED,
            is_off=True,
        ),
        *(
            Case(
                f"bought again, case {group['group']} less late, no effect",
                recovery,
                *difference,
                truths.zero,
                group,
                known=SMALL_LIST,
            )
            for group in answered
        ),
        Case("bought again after a case", recovery, *BOUGHT, None, {}, ALL),
    )


def _models() -> tuple[Case, ...]:
    contracts, renewals = Ask(PLAIN, "contract_value"), Ask(PLAIN, "contract_renewals")
    model = Ask(PLAIN, "repurchase_model", (), {"model": "mbg_nbd"}, is_dear=True)
    spending = Ask(PLAIN, "spend_model", is_dear=True)
    brought, referred = Ask(LIVED, "referral_value"), Ask(PLAIN, "referred", (), {"years": 1}, is_dear=True)
    money = (("margin_brought", "margin"), ("value", "value"), ("conversion_rate", "conversion"))
    return (
        Case("contracts that pass a renewal", renewals, "retention_rate", "retention", truths.renewed),
        Case("contracts left after a renewal", renewals, "survival_share", "survival", truths.contracts_left),
        Case("periods of a new contract", contracts, "periods_expected", "periods", truths.contract_periods),
        Case("renewal rate of contracts", contracts, "renewal_rate", "renewal", None, {}, ALL),
        Case("repeat purchases of a first year", model, "repeats_first_year", "repeats", truths.first_year),
        *(
            Case(
                f"parameter {name} of the MBG/NBD",
                model,
                name,
                name,
                truths.find("planted", name),
                known=why,
                is_off=True,
            )
            for name, why in (("r", ROUNDED), ("alpha", ROUNDED), ("a", SKEWED), ("b", SKEWED))
        ),
        Case("mean spend of a repeat purchase", spending, "mean_spend", "spend", None, {}, ALL),
        Case("spend and frequency, correlation", spending, "correlation", "correlation", None, {}, ALL, known=OF_MEANS),
        *(Case(f"{figure} of recommendations", brought, figure, stem, None, {}, ALL) for figure, stem in money),
        *(
            Case(f"bought again, {side}", referred, *BOUGHT, None, {"came": side}, ALL)
            for side in ("brought", "otherwise")
        ),
        *(
            Case(
                f"{name}, brought less otherwise, no effect",
                referred,
                f"{stem}_difference",
                f"{stem}_difference",
                truths.zero,
                {"came": "brought"},
            )
            for stem, name in (("bought", "bought again"), ("margin", "margin"))
        ),
    )


def _goes_with_the_score() -> tuple[Case, ...]:
    drivers = Ask(LIVED, "drivers", is_dear=True)
    themes = Ask(PLAIN, "themes", (), {"topics": 3, "days": 540}, is_dear=True)
    french = {"language": "fr"}
    stems = ("performance_share", "penalty", "reward")
    importance = ("importance_share", "importance")
    grows = ("share_change", "share_change")
    differs = ("score_difference", "score_difference")
    return (
        *(Case(f"drivers, {one}", drivers, one, one.removesuffix("_share"), None, {}, ALL) for one in stems),
        Case("importance of what was rated", drivers, *importance, None, {"driver_kind": "csat"}, ALL),
        Case(
            "importance of touchpoints, which hardly matter",
            drivers,
            *importance,
            None,
            {"driver_kind": "touchpoint"},
            ALL,
            known=NEVER_BELOW_0,
            is_off=True,
        ),
        Case(
            "what all drivers explain",
            drivers,
            "explained_share",
            "explained",
            None,
            {"driver": "price"},
            ALL,
            known=GROWS_WITH_DRIVERS,
            is_off=True,
        ),
        Case("share of a theme", themes, "share", "share", None, french, ALL),
        Case("score with a theme less without", themes, *differs, None, french, ALL),
        Case("growth of a theme, no change", themes, *grows, truths.zero, french),
    )


def _broken(setting: Setting, how: str) -> tuple[Case, ...]:
    """What a late parcel does, in one kind of company: the naive difference beside the adjusted one."""
    parcels, adjusted = {"promise": "delivery_date"}, {"adjust": "customers.x_distance,orders.x_large"}
    effect = Ask(setting, "promise_effect", (), parcels | adjusted, is_dear=True)
    cost = Ask(setting, "promise_cost", (), adjusted, is_dear=True)
    again, margin = {"outcome": "bought_again"}, {"outcome": "margin"}
    score = {"outcome": "score", "question": "nps", "item": None}
    on_all, on_hit = ("effect", "effect"), ("effect_on_broken", "effect_on_broken")
    ate, att = (truths.find(*LATE, "share", one) for one in ("ate", "att"))
    gone, lost = (truths.find(*LATE, "margin", one) for one in ("ate", "att"))
    said = truths.find(*ON_SCORE, "ate")
    late = f"a late parcel, {how}"
    return (
        Case(f"bought again after {late}", effect, *on_all, ate, again, known=TAKEN_AS_GIVEN),
        Case(f"bought again after {late}, those hit", effect, *on_hit, att, again, known=TAKEN_AS_GIVEN),
        Case(f"plain difference after {late}", effect, "naive", "naive", ate, again, known=CONFOUNDED, is_off=True),
        Case(f"margin after {late}", effect, *on_all, gone, margin, known=OF_GOODS),
        Case(f"margin after {late}, those hit", effect, *on_hit, lost, margin, known=OF_GOODS),
        Case(f"said after {late}", effect, *on_all, said, score, known=TAKEN_AS_GIVEN),
        Case(
            f"plain difference said after {late}",
            effect,
            "naive",
            "naive",
            said,
            score,
            known=CONFOUNDED,
            is_off=True,
        ),
        Case(
            f"cost of {late}",
            cost,
            "cost_per_broken",
            "cost_per_broken",
            truths.less(truths.zero, lost),
            parcels,
            known=OF_GOODS,
        ),
    )


DEEDS = (
    *_said_and_done(),
    *_models(),
    *_goes_with_the_score(),
    *_broken(HARM, "harm done"),
    *_broken(PLACEBO, "no effect"),
)
