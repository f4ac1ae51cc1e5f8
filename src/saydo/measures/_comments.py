"""Comments for measures of words: a sample of at most 20,000, each with its language, its writer and its groups.

Which comments are taken is decided by a hash of their key: any engine takes the same, and a comment that was taken
stays in the sample as long as it is not pushed out by others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster
from saydo.measures._measure import in_period
from saydo.measures._split import split_rows
from saydo.result import Note
from saydo.words.languages import find_unknown, tell_languages

SAMPLE = 20_000
HIDE_COMMENTS_BELOW = 8  # people
LANGUAGES = "fr,en,de"
_COLUMNS = (
    *(
        "feedback_id",
        "comment",
        "language",
        "said_at",
        "question",
        "item",
        "occasion",
        "score",
        "scale_min",
        "scale_max",
    ),
    *("person", "cluster"),
)
_CODES = mark("codes of languages with commas between them, such as fr,en,de")
_NO_COMMENT = mark("nobody wrote a comment")
_TOO_FEW = mark("in no language did eight people write a comment")
_SAMPLED = mark("Read were {sample} of {comments} comments, chosen by a hash of their key.")
_LEFT_OUT = mark("Left out, because fewer than {least} people wrote in their language: {count} comments.")
_OTHERS = mark(
    "{count} comments are in other languages than {languages}: {found}. Where their function words are not on file, "
    "words that stand in one comment of five count for nothing instead."
)

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Comments:
    """The sampled comments: a row per comment and group, the group columns ``names`` first; notes on how they came."""

    rows: pa.Table
    names: tuple[str, ...]
    overlaps: bool
    notes: tuple[Note, ...]


def sample_comments(
    facts: Facts, measure: str, by: Sequence[str], languages: str, since: date | None, until: date | None
) -> Comments:
    """The comments of the period in languages in which eight people wrote; their own columns have a ``_`` before them.

    Raises `NothingToMeasure` when there are none.
    """
    asked = _parse(languages)
    feedback = facts.table("feedback")
    rows = in_period(facts, feedback.filter(feedback.comment.strip() != ""), "said_at", since, until)
    total = facts.run(rows.aggregate(count=rows.count()))["count"][0].as_py()
    if not total:
        raise NothingToMeasure(measure=measure, reason=_NO_COMMENT)
    if total > SAMPLE:
        rows = rows.order_by(rows.feedback_id.hexdigest("md5")).limit(SAMPLE)
    rows = rows.mutate(person=rows.customer_id.coalesce("answer " + rows.feedback_id))
    split = split_rows(facts, measure, "feedback", rows, by)
    rows = add_cluster(facts, split.rows, "person")
    names = tuple(name for name in split.names if name != "language")  # which every row is split by anyway
    found = facts.run(rows.select(*names, **{f"_{name}": rows[name] for name in _COLUMNS}))
    found = found.sort_by([("_feedback_id", "ascending"), *((name, "ascending") for name in names)])
    comments = len(set(found["_feedback_id"].to_pylist()))
    notes = [Note(_SAMPLED, {"sample": comments, "comments": total})] if total > SAMPLE else []
    found, more = _keep_languages(_with_language(found, asked), asked, measure)
    return Comments(found, names, split.overlaps, (*notes, *more))


def _parse(languages: str) -> list[str]:
    asked = [code.strip().lower() for code in languages.split(",") if code.strip()]
    if not asked or (unknown := find_unknown(asked)):
        value = ", ".join(unknown) if asked else languages
        raise BadSetting(name="languages", value=value, choices=_CODES)
    return asked


def _with_language(rows: pa.Table, asked: Sequence[str]) -> pa.Table:
    """``_language`` as an ISO 639-1 code: what the comment came with, else what it looks like."""
    given = [(code or "").strip().lower().replace("_", "-").split("-")[0] for code in rows["_language"].to_pylist()]
    texts = rows["_comment"].to_pylist()
    unknown = [place for place, code in enumerate(given) if not code]
    for place, code in zip(unknown, tell_languages([texts[place] for place in unknown], asked), strict=True):
        given[place] = code
    return rows.set_column(rows.column_names.index("_language"), "_language", pa.array(given, pa.string()))


def _keep_languages(rows: pa.Table, asked: Sequence[str], measure: str) -> tuple[pa.Table, list[Note]]:
    """The comments in languages in which enough people wrote, and what is to be said of the others."""
    seen = set(zip(*(rows[name].to_pylist() for name in ("_language", "_person", "_feedback_id")), strict=True))
    people = Counter(language for language, _ in {(language, person) for language, person, _ in seen})
    comments = Counter(language for language, _, _ in seen)
    kept = {language for language, count in people.items() if count >= HIDE_COMMENTS_BELOW}
    if not kept:
        raise NothingToMeasure(measure=measure, reason=_TOO_FEW)
    notes = []
    if others := sorted(kept - set(asked), key=lambda language: (-comments[language], language)):
        found = {"languages": ", ".join(asked), "found": ", ".join(others)}
        notes.append(Note(_OTHERS, {"count": sum(comments[language] for language in others), **found}))
    if left_out := sum(count for language, count in comments.items() if language not in kept):
        notes.append(Note(_LEFT_OUT, {"count": left_out, "least": HIDE_COMMENTS_BELOW}))
    return rows.filter(pc.is_in(rows["_language"], pa.array(sorted(kept)))), notes


def split_groups(rows: pa.Table, names: Sequence[str]) -> list[tuple[dict[str, Any], Codes]]:
    """The groups of rows by these columns, and the places of their rows."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(zip(*(rows[name].to_pylist() for name in names), strict=True)):
        places.setdefault(key, []).append(place)
    return [(dict(zip(names, key, strict=True)), np.array(found)) for key, found in places.items()]
