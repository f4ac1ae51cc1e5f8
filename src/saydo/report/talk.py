"""What people talk about: the themes of the comments, how they go with the score, and which of them grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saydo.charts.figures import clean, count_of, heading, show
from saydo.charts.listed import Look, listed, point_of
from saydo.language import join, mark, percent, signed, translate, translate_count
from saydo.report.story import (
    Figure,
    Mood,
    Picture,
    Questions,
    Record,
    Section,
    Step,
    Voice,
    is_surely_above,
    is_surely_below,
    known,
    notes_of,
    picture_by,
)

MOST_THEMES = 12
LANGUAGES = {
    "de": mark("German"),
    "en": mark("English"),
    "es": mark("Spanish"),
    "fr": mark("French"),
    "it": mark("Italian"),
    "nl": mark("Dutch"),
    "pt": mark("Portuguese"),
}


def what_people_talk_about(questions: Questions) -> Section | None:
    """The themes of the comments in the language that most are written in; the worst of the others beside them."""
    result = questions.lately("themes")
    themes = [record for record in known(result) if record["theme"] and record["words"]]
    if result is None or not themes:
        return None
    spoken = _by_language(themes)
    main = max(spoken, key=lambda one: sum(record["comments"] for record in spoken[one]))
    heaviest = {language: _heaviest(records, len(themes)) for language, records in spoken.items()}
    worst = heaviest[main]
    told = spoken[main] if worst is None else [record for record in spoken[main] if record["score_answers"]]
    chosen = sorted(told, key=lambda record: -record["comments"])[:MOST_THEMES]
    texts = [*_languages(spoken, main), *_growing(themes)]
    texts += [_heaviest_elsewhere(record) for language, record in heaviest.items() if record and language != main]
    texts.append(
        translate(
            "A theme is a set of comments whose words often stand together; it is called by the words that set it "
            "apart. That it comes with low scores does not make it their reason."
        )
    )
    return Section(
        "themes",
        _themes_heading(spoken[main], worst),
        _theme_figure(worst) if worst else None,
        texts,
        [_draw_differences(chosen) if worst else _draw_shares(chosen)],
        voices=_examples(worst or chosen[0], "unhappy" if worst else "neither"),
        step=_read(worst) if worst else None,
        notes=notes_of(result),
    )


def _by_language(themes: Sequence[Record]) -> dict[str, list[Record]]:
    spoken: dict[str, list[Record]] = {}
    for record in themes:
        spoken.setdefault(record["language"], []).append(record)
    return spoken


def _heaviest(records: Sequence[Record], among: int) -> Record | None:
    """The theme with most points of score below the other comments, of those that surely lie below."""
    below = [record for record in records if is_surely_below(record, "score_difference", 0, among)]
    return max(below, key=lambda record: -record["score_difference"] * record["score_answers"], default=None)


def _themes_heading(records: Sequence[Record], worst: Record | None) -> str:
    if worst:
        return translate(
            "Comments on “{theme}” come with scores {points} points lower than the others",
            theme=_name(worst),
            points=show(-worst["score_difference"], "score"),
        )
    first, *others = sorted(records, key=lambda record: -record["share"])
    if not others or first["share_low"] > others[0]["share_high"]:
        return translate("People write most about “{theme}”", theme=_name(first))
    return translate("People write most about “{theme}” and “{other}”", theme=_name(first), other=_name(others[0]))


def _theme_figure(worst: Record) -> Figure:
    interval = translate(
        "{low} to {high}", low=signed(worst["score_difference_low"], 1), high=signed(worst["score_difference_high"], 1)
    )
    counted = count_of("comments", worst["score_answers"])
    return Figure(
        translate("Difference in score"),
        signed(worst["score_difference"], 1),
        translate("95%: {interval} · {count}", interval=interval, count=counted),
    )


def _languages(spoken: Mapping[str, Sequence[Record]], main: str) -> list[str]:
    if len(spoken) == 1:
        return []
    others = [_tongue(language) for language in sorted(spoken) if language != main]
    return [
        translate(
            "Each language is read by itself. Shown are the themes in {language}; there are themes in these languages, "
            "too: {others}.",
            language=_tongue(main),
            others=join(others),
        )
    ]


def _tongue(code: str) -> str:
    return translate(LANGUAGES.get(code) or code)


def _growing(themes: Sequence[Record]) -> list[str]:
    """What is written about more than before, by more than chance among so many themes."""
    if all(record["share_change_low"] is None for record in themes):
        return []
    growing = [record for record in themes if is_surely_above(record, "share_change", 0, len(themes))]
    if not growing:
        return [translate("No theme has grown lately by more than chance among so many.")]
    return [
        translate(
            "“{theme}” grows: in the last 90 days its share of the comments was {points} points higher than in the 90 "
            "days before.",
            theme=_name(record),
            points=show(100 * record["share_change"], "score"),
        )
        for record in growing
    ]


def _heaviest_elsewhere(record: Record) -> str:
    return translate(
        "In {language}, comments on “{theme}” come with scores {points} points lower than the others (95%: {low} to "
        "{high}).",
        language=_tongue(record["language"]),
        theme=_name(record),
        points=show(-record["score_difference"], "score"),
        low=show(-record["score_difference_high"], "score"),
        high=show(-record["score_difference_low"], "score"),
    )


def _draw_differences(records: Sequence[Record]) -> Picture:
    look = Look(
        translate("Score that comes with a theme, less that of the other comments"),
        (heading("theme"), translate("Difference in score"), heading("comments")),
        lambda value: signed(value, 1),
        reference=0,
    )
    told = sorted((r for r in records if r["score_difference"] is not None), key=lambda r: r["score_difference"])
    points = [point_of(_name(record), record, "score_difference", percent(record["share"])) for record in told]
    return picture_by(lambda width: listed(points, look, width))


def _draw_shares(records: Sequence[Record]) -> Picture:
    look = Look(
        translate("Share of the comments that are on a theme"),
        (heading("theme"), heading("share"), heading("comments")),
        percent,
        bounds=(0, 1),
    )
    points = [point_of(_name(record), record, "share", count_of("comments", record["comments"])) for record in records]
    return picture_by(lambda width: listed(points, look, width))


def _name(record: Record) -> str:
    return clean(record["theme"])


def _examples(record: Record, mood: Mood) -> list[Voice]:
    """Typical comments on a theme, without what could name a person (the measure leaves these out)."""
    source = translate("on “{theme}”", theme=_name(record))
    examples = [record[f"example_{number}"] for number in (1, 2, 3)]
    return [Voice(clean(text, 280), mood, source, record["language"] or "") for text in examples if text]


def _read(worst: Record) -> Step:
    text = translate_count(
        "Read the comment on “{theme}”, and mend what it names.",
        "Read some of the {count} comments on “{theme}”, and mend what they name most.",
        worst["comments"],
        theme=_name(worst),
    )
    return Step(text, worst["comments"], "themes")
