"""The terminal as its users meet it: commands in, words, files and exit codes out."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.companies import make_facts
from typer.main import get_command
from typer.testing import CliRunner, Result

from saydo import __version__
from saydo.cli import app
from saydo.language import translate, use

TEN = (9, 10, 9, 9, 10, 7, 8, 7, 8, 3)  # 5 promoters, 4 passives, 1 detractor


def run(*arguments: object, language: str = "en", width: int = 100, **environment: str) -> Result:
    """One command, in the language and width given."""
    plain = {"LANGUAGE": language, "COLUMNS": str(width), "SAYDO_DEBUG": ""}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=plain | environment)


def run_process(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    plain = {**os.environ, "LANGUAGE": "en", "COLUMNS": "100", "SAYDO_DEBUG": ""}
    call = [sys.executable, "-m", "saydo", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=plain, **more)


def write_answers(directory: Path, scores: Sequence[int], **columns: str) -> Path:
    """A folder with feedback.csv: one relational nps answer per score, and the further columns given."""
    directory.mkdir(exist_ok=True)
    fields = {"feedback_id": "", "said_at": "2024-03-01", "source": "survey", "question": "nps", **columns}
    with (directory / "feedback.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, [*fields, "score"])
        rows.writeheader()
        rows.writerows({**fields, "feedback_id": number, "score": score} for number, score in enumerate(scores, 1))
    return directory


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    return write_answers(tmp_path / "ten", TEN)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty answers at two touchpoints in two months, three of them by mail."""
    directory = tmp_path_factory.mktemp("company")
    answers = [
        {"score": number % 11, "said_at": f"2024-0{1 + number % 2}-10", "touchpoint": "mail" if number < 3 else "shop"}
        for number in range(40)
    ]
    make_facts(directory, feedback=answers)
    return directory


def figures(*arguments: object) -> list[dict[str, Any]]:
    result = run("measure", *arguments, "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    return list(json.loads(result.stdout))


# What figures come out


def test_measure_nps_of_ten_answers_is_40(ten: Path) -> None:
    (row,) = figures("nps", ten)
    assert (row["nps"], row["answers"]) == (40.0, 10)
    assert (row["promoters"], row["passives"], row["detractors"]) == (5, 4, 1)


@pytest.mark.parametrize(("promoters", "passives", "detractors"), [(70, 0, 30), (40, 60, 0)])
def test_measure_nps_is_40_with_shapes_that_differ(
    tmp_path: Path, promoters: int, passives: int, detractors: int
) -> None:
    (row,) = figures("nps", write_answers(tmp_path, [10] * promoters + [7] * passives + [0] * detractors))
    assert row["nps"] == 40.0
    assert (row["promoter_share"], row["passive_share"], row["detractor_share"]) == (
        promoters / 100,
        passives / 100,
        detractors / 100,
    )


def test_measure_nps_interval_tells_a_divided_company_from_a_calm_one(tmp_path: Path) -> None:
    (divided,) = figures("nps", write_answers(tmp_path / "a", [10] * 70 + [0] * 30))
    (calm,) = figures("nps", write_answers(tmp_path / "b", [10] * 40 + [7] * 60))
    assert divided["nps_high"] - divided["nps_low"] > 1.5 * (calm["nps_high"] - calm["nps_low"])


def test_measure_takes_splits_settings_and_a_moment(company: Path) -> None:
    rows = figures("nps", company, "--by", "month", "--set", "each=answer", "--set", "since=2024-01-01")
    assert [row["month"] for row in rows] == ["2024-01-01", "2024-02-01"]
    assert [row["answers"] for row in rows] == [20, 20]
    (row,) = figures("nps", company, "--as-of", "2024-02-01")
    assert row["answers"] == 20


def test_measure_hides_what_three_people_said(company: Path) -> None:
    rows = {row["touchpoint"]: row for row in figures("nps", company, "--by", "touchpoint")}
    assert (rows["mail"]["is_hidden"], rows["mail"]["nps"], rows["mail"]["answers"]) == (True, None, None)
    result = run("measure", "nps", company, "--by", "touchpoint")
    assert "hidden" in result.stdout
    assert "because fewer than 5 people answered" in " ".join(result.stdout.split())


def test_measure_shows_small_groups_to_who_may_see_them(company: Path) -> None:
    rows = figures("nps", company, "--by", "touchpoint", "--show-small-groups")
    assert {row["touchpoint"]: row["answers"] for row in rows} == {"mail": 3, "shop": 37}


# In which form


def test_measure_csv_and_json_tell_the_same(company: Path) -> None:
    result = run("measure", "nps", company, "--by", "month", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["month"], float(row["nps"])) for row in rows] == [
        (row["month"], row["nps"]) for row in figures("nps", company, "--by", "month")
    ]


@pytest.mark.parametrize("name", ["out.json", "out.csv", "out.parquet"])
def test_measure_output_takes_its_form_from_the_ending(company: Path, tmp_path: Path, name: str) -> None:
    result = run("measure", "nps", company, "--output", tmp_path / name)
    assert (result.exit_code, result.stdout) == (0, "")
    content = (tmp_path / name).read_bytes()
    starts = {"out.json": b"[\n{", "out.csv": b'"occasion"', "out.parquet": b"PAR1"}
    assert content.startswith(starts[name])


def test_measure_parquet_keeps_types_and_goes_through_a_pipe(company: Path, tmp_path: Path) -> None:
    (tmp_path / "piped.parquet").write_bytes(
        run("measure", "nps", company, "--by", "month", "--format", "parquet").stdout_bytes
    )
    schema = pq.read_schema(tmp_path / "piped.parquet")
    assert (str(schema.field("month").type), str(schema.field("nps").type)) == ("date32[day]", "double")


def test_measure_table_tells_a_sentence_and_its_interval(ten: Path) -> None:
    lines = run("measure", "nps", ten).stdout.splitlines()
    assert lines[0] == "Net Promoter Score"
    assert lines[1].startswith("The Net Promoter Score is +40 (95 %: ")
    assert lines[-1] == "As known before 2024-03-02 00:00 UTC."


def test_measure_table_counts_the_columns_that_it_leaves_out(company: Path) -> None:
    narrow, wide = (run("measure", "nps", company, width=width).stdout for width in (60, 400))
    assert "15 more columns; --format csv gives all of them." in narrow
    assert "more columns" not in wide


def test_measure_table_shows_the_first_50_rows(tmp_path: Path) -> None:
    answers = [{"score": 9, "said_at": "2024-01-01", "survey": f"survey {number:03}"} for number in range(60)]
    make_facts(tmp_path, feedback=answers)
    lines = run("measure", "nps", tmp_path, "--by", "survey", "--show-small-groups").stdout.splitlines()
    assert len([line for line in lines if line.startswith("survey ")]) == 51  # and the heading
    assert "The first 50 of 60 rows; --format csv gives all of them." in lines


def test_measure_table_shows_no_control_characters(tmp_path: Path) -> None:
    make_facts(tmp_path, feedback=[{"score": 9, "said_at": "2024-01-01", "survey": "a\x1b[31mb"}] * 5)
    result = run("measure", "nps", tmp_path, "--by", "survey", "--set", "each=answer")
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("environment", "is_french"),
    [
        ({"LANG": "fr_CH.UTF-8"}, True),
        ({"LANG": "fr_FR.UTF-8", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ({"LANGUAGE": "fr:en", "LANG": "en_US.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "fr_FR@euro"}, True),
        ({"LANG": "tlh"}, False),
        ({}, False),
    ],
)
def test_measure_speaks_the_language_of_the_user(ten: Path, environment: dict[str, Any], is_french: bool) -> None:
    unset = dict.fromkeys(("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANG"), "")
    words = run("measure", "nps", ten, **(unset | environment)).stdout
    assert ("Le Net Promoter Score est de +40" in words) == is_french
    assert ("The Net Promoter Score is +40" in words) != is_french


def test_measure_speaks_the_language_asked_for(ten: Path) -> None:
    assert "Le Net Promoter Score est de +40" in run("measure", "nps", ten, "--language", "fr").stdout


# Raw files become a company


def write_mixed(directory: Path) -> Path:
    """Three sound answers, two that break a rule, and one of a customer that customers.csv does not know."""
    write_answers(directory, (9, 10, 8))
    with (directory / "feedback.csv").open("a", encoding="utf-8") as file:
        file.write("4,2024-03-01,survey,nps,11\n5,2024-13-01,survey,nps,9\n")
    return directory


def test_import_tells_what_was_kept_and_why_the_rest_was_not(tmp_path: Path) -> None:
    raw, to = write_mixed(tmp_path / "raw"), tmp_path / "company"
    result = run("import", "folder", raw, "--to", to, "--zone", "Europe/Paris", "--name", "Tilleul", width=300)
    assert (result.exit_code, result.stderr) == (0, "")
    words = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "feedback 3 2 –" in words
    assert (
        "feedback: 1 refused, because score is no NPS answer: that question knows the whole numbers 0 to 10 "
        "(for example feedback.csv, row 5: 11)."
    ) in words
    assert (
        f"The refused rows lie in {to / 'quarantine'}, each with its reason: mend them and import again. They are raw "
        "and can hold names, addresses and numbers, so the folder is for you alone: delete it when you are done."
    ) in words
    manifest = json.loads((to / "saydo.json").read_text(encoding="utf-8"))
    assert (manifest["zone"], manifest["name"]) == ("Europe/Paris", "Tilleul")
    assert figures("nps", to)[0]["is_hidden"]
    assert (to / "quarantine" / "feedback.parquet").is_file()


def test_check_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    raw = write_mixed(tmp_path / "raw")
    result = run("check", raw, width=300)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "row 5: 11" in result.stdout
    assert "quarantine" not in result.stdout
    assert [path.name for path in tmp_path.rglob("*")] == ["raw", "feedback.csv"]


def test_check_tells_reasons_in_french(tmp_path: Path) -> None:
    raw = write_answers(tmp_path / "raw", TEN)
    with (raw / "feedback.csv").open("a", encoding="utf-8") as file:
        file.write("11,2024-03-01,survey,nps,x\n")
    (raw / "orders.csv").write_text(
        "order_id,ordered_at,cancelled_at,status,currency\n1,2024-01-05,2024-01-04,placed,EUR\n", encoding="utf-8"
    )
    words = run("check", raw, language="fr", width=300).stdout
    assert "cancelled_at est antérieur à ordered_at" in words


def test_check_strict_ends_with_3_when_rows_are_refused(tmp_path: Path, ten: Path) -> None:
    assert run("check", write_mixed(tmp_path / "raw"), "--strict").exit_code == 3
    assert run("check", ten, "--strict").exit_code == 0


def test_check_of_an_imported_company_tells_what_its_import_told(tmp_path: Path) -> None:
    raw, to = write_mixed(tmp_path / "raw"), tmp_path / "company"
    run("import", "folder", raw, "--to", to)
    assert run("check", to, width=300).stdout == run("check", raw, width=300).stdout


def test_check_with_nothing_usable_keeps_the_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = fails("check", write_answers(tmp_path / "raw", (11, 12)))
    (kept,) = tmp_path.glob("saydo-*/facts.refused/feedback.parquet")
    assert f"The reasons stand in {kept.parent};" in words


def test_import_strict_writes_nothing_and_ends_with_3(tmp_path: Path) -> None:
    words = fails("import", "folder", write_mixed(tmp_path / "raw"), "--to", tmp_path / "company", "--strict", code=3)
    assert words.startswith(f"Rows of {tmp_path / 'raw'} were refused (2), and none was allowed to be.")
    assert not (tmp_path / "company").exists()


def test_import_with_nothing_usable_ends_with_2(tmp_path: Path) -> None:
    words = fails("import", "folder", write_answers(tmp_path / "raw", (11, 12)), "--to", tmp_path / "company")
    assert words.startswith(f"No row of {tmp_path / 'raw'} could be used: all that it has (2) were refused.")


def test_import_counts_orphans(tmp_path: Path) -> None:
    raw = write_answers(tmp_path / "raw", (9, 10, 8), touchpoint="web")
    (raw / "touchpoints.csv").write_text("touchpoint,kind\nshop,shop\n", encoding="utf-8")
    words = " ".join(run("import", "folder", raw, "--to", tmp_path / "company", width=200).stdout.split())
    assert "feedback 3 0 touchpoint 3" in words
    assert "Orphans name something that no row tells of" in words


def test_import_names_the_sources_when_it_does_not_know_one(tmp_path: Path, ten: Path) -> None:
    words = fails("import", "shopfy", ten, "--to", tmp_path / "company")
    assert words.startswith("There is no source called shopfy. Choose one of folder,")


def test_import_leaves_a_folder_of_others_alone(ten: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear all", encoding="utf-8")
    words = fails("import", "folder", ten, "--to", tmp_path / "mine")
    assert words.startswith(f"The folder {tmp_path / 'mine'} already holds something else, and it is left as it is.")


def test_import_asks_which_dates_are_meant_and_takes_the_answer(tmp_path: Path) -> None:
    raw = write_answers(tmp_path / "raw", TEN, said_at="03/04/2024")
    assert "Say which with --dates dmy or --dates mdy." in fails("import", "folder", raw, "--to", tmp_path / "company")
    for dates, month in (("dmy", "2024-04-01"), ("mdy", "2024-03-01")):
        run("import", "folder", raw, "--to", tmp_path / dates, "--dates", dates)
        assert figures("nps", tmp_path / dates, "--by", "month")[0]["month"] == month
        assert figures("nps", raw, "--by", "month", "--dates", dates)[0]["month"] == month


def test_measure_does_not_ignore_what_only_raw_files_can_be_told(company: Path) -> None:
    words = fails("measure", "nps", company, "--zone", "Europe/Paris")
    assert words == ("--zone cannot be Europe/Paris. It must be what the import was told: import again to change it.")


def test_measure_of_raw_files_tells_that_rows_were_refused(tmp_path: Path) -> None:
    raw = write_mixed(tmp_path / "raw")
    result = run("measure", "nps", raw, "--show-small-groups", "--format", "json", width=300)
    assert json.loads(result.stdout)[0]["answers"] == 3
    assert result.stderr == f"2 rows were refused and are in no figure: saydo check {raw} tells why.\n"


def test_sources_lists_the_folder_and_the_mappings() -> None:
    words = run("sources", width=300).stdout
    assert [name for name in ("folder", "olist", "online-retail") if f"\n{name} " not in words] == []


# A company that does not exist, and its report


def test_simulate_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    said = [
        run("simulate", tmp_path / str(turn), "--customers", 50, "--seed", seed).stdout
        for turn, seed in enumerate((7, 7, 8))
    ]
    assert said[0] == f"A company with 50 customers stands in {tmp_path / '0'}.\n"
    first, same, other = (figures("nps", tmp_path / str(turn)) for turn in range(3))
    assert first == same != other


def test_simulate_counts_one_customer_as_one(tmp_path: Path) -> None:
    words = run("simulate", tmp_path / "one", "--customers", 1).stdout
    assert words == f"A company with 1 customer stands in {tmp_path / 'one'}.\n"


def test_simulate_leaves_a_folder_of_others_alone(ten: Path) -> None:
    assert fails("simulate", ten).startswith(f"The folder {ten} already holds something")


def test_simulate_leaves_an_imported_company_alone(ten: Path, tmp_path: Path) -> None:
    run("import", "folder", ten, "--to", tmp_path / "company")
    words = fails("simulate", tmp_path / "company", "--customers", 10)
    assert words.startswith(f"The folder {tmp_path / 'company'} already holds something else, and it is left as it is.")


def test_report_is_one_page_in_the_language_asked_for(company: Path, tmp_path: Path) -> None:
    result = run("report", company, "--output", tmp_path / "page.html", "--language", "fr")
    assert result.exit_code == 0
    assert str(tmp_path / "page.html") in result.stdout
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<html lang="fr"' in page
    assert "<script" not in page


# What goes wrong, and how it is told


def fails(*arguments: object, code: int = 2, **more: Any) -> str:
    """The words on stderr of a command that fails; nothing may stand on stdout."""
    result = run(*arguments, **more)
    assert (result.exit_code, result.stdout) == (code, "")
    return " ".join(result.stderr.split())


def test_error_missing_folder(tmp_path: Path) -> None:
    words = fails("measure", "nps", tmp_path / "none")
    assert words == f"There is no file or folder at {tmp_path / 'none'}. Check the spelling and the folder you are in."


@pytest.mark.parametrize("command", [("measure", "nps"), ("report",)])
def test_error_output_is_a_folder(ten: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    words = fails(*command, ten, "--output", tmp_path)
    assert words == f"--output cannot be {tmp_path}. It must be {tmp_path / 'FILE'}."


def test_error_folder_without_a_table(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("Dear all", encoding="utf-8")
    words = fails("measure", "nps", tmp_path)
    assert f"The folder {tmp_path} holds no table that Saydo knows; it holds letters.txt." in words


def test_error_unknown_measure_comes_with_those_that_look_like_it(ten: Path) -> None:
    assert fails("measure", "npss", ten).startswith("There is no measure called npss. Choose one of nps")


def test_error_unknown_split_comes_with_those_that_look_like_it(ten: Path) -> None:
    assert fails("measure", "nps", ten, "--by", "tuchpoint").startswith(
        "nps cannot be split by tuchpoint. Choose from touchpoint"
    )


def test_error_unknown_setting_comes_with_those_there_are(ten: Path) -> None:
    words = fails("measure", "nps", ten, "--set", "wieght=value")
    assert words == "nps has no setting called wieght. It knows weight, each, occasion, since, until."


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("weight=gold", "weight cannot be gold. It must be one of none, value, reach, account."),
        (
            "since=yesterday",
            "since cannot be yesterday. It must be a day or a time, such as 2024-07-01 or 2024-07-01T12:00.",
        ),
        ("weight", "--set cannot be weight. It must be KEY=VALUE."),
        ("each=", "--set cannot be each=. It must be KEY=VALUE."),
        ("=answer", "--set cannot be =answer. It must be KEY=VALUE."),
    ],
)
def test_error_bad_setting(ten: Path, setting: str, words: str) -> None:
    assert fails("measure", "nps", ten, "--set", setting) == words


def test_error_bad_date(ten: Path) -> None:
    words = fails("measure", "nps", ten, "--as-of", "2024-13-01")
    assert words == "as_of cannot be 2024-13-01. It must be a day or a time, such as 2024-07-01 or 2024-07-01T12:00."


def test_error_missing_table(ten: Path) -> None:
    words = fails("measure", "promises_kept", ten)
    assert words.startswith("promises_kept needs the table commitments, which these facts do not have.")


def test_error_nothing_to_measure(ten: Path) -> None:
    words = fails("measure", "nps", ten, "--as-of", "2020-01-01")
    assert words.startswith("nps found nothing to measure")


def test_error_table_of_no_rows(tmp_path: Path) -> None:
    assert fails("measure", "nps", write_answers(tmp_path, [])) == (
        "nps needs the table feedback, which is empty in these facts. Add rows to feedback and import again; `saydo "
        "check` tells whether some were refused, and why."
    )


def test_import_and_check_name_a_table_of_no_rows(tmp_path: Path) -> None:
    raw = write_answers(tmp_path / "raw", TEN)
    (raw / "touchpoints.csv").write_text("touchpoint,kind\n", encoding="utf-8")
    for result in (run("check", raw), run("import", "folder", raw, "--to", tmp_path / "company")):
        words = [" ".join(line.split()) for line in result.stdout.splitlines()]
        assert "touchpoints 0 0 –" in words
        assert "The table touchpoints is empty." in words


@pytest.mark.parametrize(("currency", "nearest"), [("euro", "EUR"), ("Franken", "EUR, CHF"), ("€", "EUR, CHF")])
def test_error_currency_that_is_none(ten: Path, tmp_path: Path, currency: str, nearest: str) -> None:
    words = fails("import", "folder", ten, "--to", tmp_path / "company", "--currency", currency)
    assert words.startswith(f"currency cannot be {currency}. It must be an ISO 4217 code, such as {nearest}")


def test_error_place_that_cannot_be_written(ten: Path) -> None:
    place = "/proc/nothing/company"
    for command in (("import", "folder", ten, "--to", place), ("simulate", place, "--customers", 10)):
        assert fails(*command).startswith(f"Nothing can be written to {place}: No such file or directory.")


def test_error_output_in_no_folder_comes_before_the_work(ten: Path, tmp_path: Path) -> None:
    words = fails("measure", "nps", ten, "--output", tmp_path / "none" / "out.csv")
    assert words.startswith(f"There is no file or folder at {tmp_path / 'none'}.")


def test_error_unknown_language(ten: Path) -> None:
    assert "tlh is not spoken here. Choose one of en, fr." in fails("measure", "nps", ten, "--language", "tlh")


def test_error_unexpected_is_short_and_debug_shows_where(ten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("saydo.terminal.print_result", break_down)
    words = fails("measure", "nps", ten, code=1)
    assert words == (
        "Something unexpected happened: RuntimeError: the disk is full. Run it again with saydo --debug to see where."
    )
    assert isinstance(run("--debug", "measure", "nps", ten).exception, RuntimeError)
    assert isinstance(run("measure", "nps", ten, SAYDO_DEBUG="1").exception, RuntimeError)


def test_error_is_told_in_the_language_of_the_user(ten: Path) -> None:
    assert fails("measure", "npss", ten, "--language", "fr") == fails("measure", "npss", ten, language="fr")


# The program itself


def test_version_is_told() -> None:
    assert run("--version").stdout == f"saydo {__version__}\n"


@pytest.mark.parametrize("command", ["sources", "import", "check", "simulate", "measures", "measure", "report"])
def test_help_of_every_command_has_a_meaning_and_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"saydo {command}" in result.stdout.split("Usage:")[1].split("\n", 1)[1]  # beyond the usage line


@pytest.mark.parametrize("command", ["sources", "import", "check", "simulate", "measures", "measure", "report"])
def test_help_is_told_in_the_language_of_the_user(command: str) -> None:
    french, english = run(command, "--help", language="fr"), run(command, "--help")
    assert "Montrer ce message et finir." in french.stdout
    assert "Show this message and exit." in english.stdout  # also after French was spoken
    examples = [line for line in english.stdout.splitlines() if line.startswith("  saydo ")]
    assert examples == [line for line in french.stdout.splitlines() if line.startswith("  saydo ")]


def test_list_of_commands_is_told_in_the_language_of_the_user() -> None:
    words = run("--help", language="fr_CH").stdout
    assert "Mesurer quelque chose dans les faits d’une entreprise." in words
    assert "Commandes" in words


def test_every_word_of_help_has_its_translation() -> None:
    commands = {"": get_command(app), **get_command(app).commands}  # type: ignore[attr-defined]
    texts = {text for command in commands.values() for text in (command.help or "").split("\n\n") if "```" not in text}
    texts |= {option.help or "" for command in commands.values() for option in command.params}
    with use("fr"):
        assert [text for text in texts if text and translate(text) == text] == []
    assert len(texts) > 30


def test_measures_lists_every_measure_with_its_question() -> None:
    from saydo.measures import MEASURES

    words = run("measures", width=300).stdout
    assert [name for name, one in MEASURES.items() if name not in words or one.question not in words] == []


def test_measures_explains_one() -> None:
    words = " ".join(run("measures", "nps").stdout.split())
    assert "Would they recommend us" in words
    assert "weight none | value | reach | account none" in words


def test_start_loads_no_engine() -> None:
    heavy = ("ibis", "duckdb", "numpy", "pyarrow")
    code = f"import sys, saydo.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_process_measures_and_fails_with_its_codes(ten: Path) -> None:
    done = run_process("measure", "nps", ten, "--format", "json")
    assert (done.returncode, done.stderr, json.loads(done.stdout)[0]["nps"]) == (0, "", 40.0)
    failed = run_process("measure", "npss", ten)
    assert (failed.returncode, failed.stdout, "Traceback" in failed.stderr) == (2, "", False)


def test_process_ends_quietly_when_its_reader_has_gone(ten: Path) -> None:
    command = f"{sys.executable} -m saydo measure nps {ten} --format csv | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_process_interrupted_ends_with_130_and_few_words(tmp_path: Path) -> None:
    # a shell may have told its jobs not to listen
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; from saydo.cli import app; app()"
    call = [sys.executable, "-c", code, "simulate", str(tmp_path / "demo"), "--customers", "10000000"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "demo").exists() and process.poll() is None:  # when its folder is there, it is at work
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            out, words = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, "Traceback" in words) == (130, "", False)
