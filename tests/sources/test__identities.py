"""E-mail addresses and telephone numbers: found however they are written, told from what only looks like them."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sources.imports import FEEDBACK, ORDER, bring_in, write

from saydo.engine import Workbench
from saydo.errors import IdentityColumn
from saydo.sources import IDENTITY, _identities, _values, check_batch, clean_text, is_identity

NUMBERS = {
    "French": (
        *("06 12 34 56 78", "0612345678", "06.12.34.56.78", "06-12-34-56-78", "06/12/34/56/78", "06_12_34_56_78"),
        *("06 12.34.56.78", "+33 6 12 34 56 78", "+33(0)6 12 34 56 78", "+33 (0) 6.12.34.56.78", "+33612345678"),
        *("0033 6 12 34 56 78", "0033612345678", "06\u00a012\u00a034\u00a056\u00a078", "0 6 1 2 3 4 5 6 7 8"),
    ),
    "Swiss": (
        *("079 123 45 67", "079.123.45.67", "079/123 45 67", "079 / 123 45 67", "0791234567", "079 1234567"),
        *("+41 79 123 45 67", "+41 (0)79 123 45 67", "+41791234567", "+41.79.123.45.67", "+41-79-123-45-67"),
        *("+41/79/123 45 67", "0041 79 123 45 67", "0041 (0)79 123 45 67", "(0)79 123 45 67", "022/123 45 67"),
        *("079–123–45–67", "079\u202f123\u202f45\u202f67"),
    ),
    "Belgian": (
        *("0479 12 34 56", "0479/12.34.56", "0479 123 456", "0479123456", "+32 479 12 34 56", "+32 (0)479/12.34.56"),
        *("02/123.45.67", "02 123 45 67", "02 640 12 34", "04 222 33 44"),
    ),
    "German": (
        *("0171 1234567", "0171/1234567", "0171-1234567", "(030) 12345678", "(030) 123 45 67", "030 / 12345678"),
        *("089 / 1234567", "089/12 34 56", "+49 30 1234567", "+49 (0)171 123 4567", "0049 171 1234567"),
        "0151 2345 6789",
    ),
    "British": (
        *("020 7946 0958", "(020) 7946 0958", "07700 900123", "07700 900 123", "+44 7700 900123"),
        "+44 (0)20 7946 0958",
    ),
    "other": (
        *("(555) 123-4567", "555-123-4567", "1-800-555-1234", "555.123.4567", "+1 (555) 123-4567", "+1-555-123-4567"),
        *("(11) 91234-5678", "+352 621 123 456", "06-12345678"),
    ),
}
ADDRESSES = (
    *("anna.b@example.org", "ANNA_b+x@sub.example.co.uk", "jürgen@müller.de", "0612345678@example.fr"),
    *("anna (at) example dot ch", "anna(at)example.ch", "anna [at] example.ch", "anna[@]example.ch", "anna(at)example"),
    *("anna {at} example [dot] ch", "anna at example dot com", "anna AT example DOT COM", "anna.b @ example.fr"),
    *("anna arobase exemple point fr", "anna arobase exemple.fr", "anna@exemple point fr"),
    *("anna (ät) beispiel (punkt) de", "anna ät beispiel punkt de"),
)
HARMLESS = (
    "commande 0012345678, colis 97531 02468",
    "order 1234567890 of 01/02/2024 10:30, paid 1,234.50",
    "Bestellung vom 01.02.2024 um 10:30 Uhr, 12.345.678,90 EUR",
    "le 03/04/2024 à 15:30, 1 234,50 €, 1'234.50 CHF, 1 000 000 points",
    "EAN 4006381333931, ref 123-1234567-1234567, SKU 0123-45",
    "appelé le 3939, salle 101, 10:15-12:30, note 3,5 / 5",
    *("commande 0612345678", "commande n° 0123456789 reçue", "Bestellnummer: 0123456789", "Rechnungs-Nr. 0123456789"),
    *("order no. 045-2024-1234", "invoice #0123456789", "ISBN 0306406152", "EAN 0012345678905", "réf. 0123456789"),
    *("le 01.02.24 10.30", "05.01.24 14-16", "01.02.2024 - 03.04.2024", "3.5.2024 8:00-12:00", "2024-01-05 10:22:33"),
    *("de 2019 à 2024", "1990-2024", "année (10) 2023-2024", "20240105", "12345678", "001234567890"),
    *("1.234.567,89", "0,99 € au lieu de 1,99 €", "+10 000 000 EUR", "+33 % en 2024", "CHF 1'000'000.00"),
    *("I bought at example.com", "at this point in time", "look at the dot on the i", "5 kg @ 3.50 EUR"),
    "",
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Workbench]:
    bench = Workbench("Europe/Paris", (*_values.MACROS, *_identities.MACROS, _identities.pseudonym_macro("s")))
    yield bench
    bench.close()


def evaluate(bench: Workbench, expression: str, text: str | None) -> Any:
    query = f"SELECT {expression} AS value FROM (SELECT CAST(? AS VARCHAR) AS x)"  # noqa: S608
    return bench.sql(query, [text])["value"][0].as_py()


@pytest.mark.parametrize(("country", "number"), [(country, one) for country in NUMBERS for one in NUMBERS[country]])
def test_text_loses_phone_numbers(bench: Workbench, country: str, number: str) -> None:
    assert evaluate(bench, "clean(x)", f"Rappelez-moi au {number}, merci") == "Rappelez-moi au [phone], merci"


@pytest.mark.parametrize("address", ADDRESSES)
def test_text_loses_addresses(bench: Workbench, address: str) -> None:
    assert evaluate(bench, "clean(x)", f"Schreiben Sie an {address}!") == "Schreiben Sie an [e-mail]!"


@pytest.mark.parametrize("text", HARMLESS)
def test_text_keeps_what_is_no_identity(bench: Workbench, text: str) -> None:
    assert evaluate(bench, "clean(x)", text) == text


def test_text_that_was_typed_is_cleaned_as_one_of_a_file(bench: Workbench) -> None:
    numbers = [number for country in NUMBERS.values() for number in country]
    texts = [f" ask {one}, or order 0612345678\n" for one in (*numbers, *ADDRESSES)]
    texts += [*HARMLESS, *numbers, " \t\u00a0"]
    for text in texts:
        assert clean_text(text) == evaluate(bench, "said(x)", text), text


def test_key_that_was_typed_is_judged_as_one_of_a_file() -> None:
    numbers = [number for country in NUMBERS.values() for number in country]
    keys = [*dict.fromkeys((*ADDRESSES, *numbers, "c-17", "shop:1001", "20240105", "anna@home"))]
    keys += [f"c{number}" for number in range(200)]  # where most are identities, the whole batch is refused
    with check_batch("customers", [{"customer_id": key} for key in keys], zone="UTC", currency=None) as batch:
        refused = [keys[bad.row] for bad in batch.refused if bad.reason == IDENTITY]
    assert [key for key in keys if is_identity(key)] == refused
    assert 60 < len(refused) < len(keys)


def test_pseudonym_is_the_same_for_the_same_person_and_shows_nothing_of_it(bench: Workbench) -> None:
    first, second = (evaluate(bench, "pseudonym(x)", text) for text in ("Anna@example.org", " anna@example.org "))
    assert first == second
    assert len(first) == 20
    assert evaluate(bench, "pseudonym(x)", "anna@example.com") != first
    assert evaluate(bench, "pseudonym(x)", None) is None


@pytest.mark.parametrize("secret", ["s", "clé" * 30])
def test_pseudonym_is_the_hmac_under_the_secret(secret: str) -> None:
    bench = Workbench("UTC", (*_values.MACROS, _identities.pseudonym_macro(secret)))
    expected = hmac.new(secret.encode(), "jürgen@müller.de".encode(), "sha256").hexdigest()[:20]
    assert evaluate(bench, "pseudonym(x)", "Jürgen@Müller.de ") == expected
    bench.close()


REASON = (
    "holds an e-mail address or phone number, and facts know no identities: a mapping's pseudonym() makes a key of it"
)


@pytest.mark.parametrize(
    ("column", "key", "shown"),
    [
        ("customer_id", "anna@example.org", "[e-mail]"),
        ("customer_id", "web-anna@example.org", "[e-mail]"),
        ("customer_id", "+41791234567", "[phone]"),
        ("customer_id", "079 123 45 67", "[phone]"),
        ("customer_id", "0791234567", "[phone]"),
        ("feedback_id", "anna@example.org", "[e-mail]"),
        ("reply_id", "2024-anna@example.org", "[e-mail]"),
        ("order_id", "+41791234567", "[phone]"),
        ("touchpoint", "anna@example.org", "[e-mail]"),
    ],
)
def test_row_with_an_identity_for_a_key_is_refused_though_others_have_none(
    tmp_path: Path, column: str, key: str, shown: str
) -> None:
    columns = ("feedback_id", "source", "said_at", column)
    rows = [dict(zip(columns, (str(i), "survey", "2024-01-05", str(i)), strict=True)) for i in range(1, 4)]
    rows[1][column] = key
    lines = [",".join(row[name] for name in dict.fromkeys(columns)) for row in rows]
    folder = write(tmp_path / "raw", feedback="\n".join([",".join(dict.fromkeys(columns)), *lines]) + "\n")
    imported = bring_in(folder)
    assert imported.refused("feedback", "row", "column", "value", "reason") == [
        (3, column, shown, f"{column} {REASON}")
    ]
    assert imported.rows("feedback", column) == ["1", "3"]


@pytest.mark.parametrize(
    "key",
    [
        *("K17", "10000001", "4006381333931", "0012345678", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "#1001"),
        *("20240105-17", "b8a7c6d5e4f30612345678", "K0612345678", "@home", "2x@3"),
    ],
)
def test_key_that_is_no_identity_is_kept(tmp_path: Path, key: str) -> None:
    text = f"order_id,customer_id,ordered_at,status,currency\n{key},{key},2024-01-05,placed,EUR\n"
    assert bring_in(write(tmp_path / "raw", orders=text)).rows("orders", "customer_id") == [key]


@pytest.mark.parametrize("key", ["0612345678", "0306406152", "045-123-456"])
def test_key_of_a_thing_may_look_like_a_number_dialled_at_home(tmp_path: Path, key: str) -> None:
    text = ORDER + f"{key},2024-01-05,placed,EUR\n"
    assert bring_in(write(tmp_path / "raw", orders=text)).rows("orders", "order_id") == [key]


def test_words_of_every_kind_are_cleaned_in_the_facts_and_in_the_quarantine(tmp_path: Path) -> None:
    header = "feedback_id,source,said_at,item,choice,survey,x_note\n"
    said = "anna@example.org,ring +41 79 123 45 67,2024,call 0612345678 soon"
    folder = write(tmp_path / "raw", feedback=f"{header}1,survey,2024-01-05,{said}\n2,survey,never,{said}\n")
    imported = bring_in(folder)
    clean = ("[e-mail]", "ring [phone]", "2024", "call [phone] soon")
    assert imported.rows("feedback", "item", "choice", "survey", "x_note") == [clean]
    ((raw,),) = imported.refused("feedback", "raw")
    assert "0612345678" not in raw
    assert "anna@example.org" not in raw


@pytest.mark.parametrize("value", ["anna@example.org", "+41 79 123 45 67", "0612345678", "+41791234567"])
def test_own_column_of_identities_is_refused(tmp_path: Path, value: str) -> None:
    header = "order_id,ordered_at,status,currency,x_contact\n"
    rows = f"1,2024-01-05,placed,EUR,{value}\n2,2024-01-05,placed,EUR,{value}\n3,2024-01-05,placed,EUR,none\n"
    folder = write(tmp_path / "raw", orders=header + rows.replace("none", "" if value == "+41791234567" else "none"))
    with pytest.raises(IdentityColumn) as error:
        bring_in(folder)
    assert str(error.value) == (
        f"The column x_contact of orders in {folder}/orders.csv holds e-mail addresses or phone numbers: facts know no "
        "identities. Leave it out, or put a pseudonym in its place (a mapping has pseudonym())."
    )


@pytest.mark.parametrize("column", ["customer_id", "reply_id"])
def test_key_that_is_mostly_identities_stops_the_import(tmp_path: Path, column: str) -> None:
    text = FEEDBACK.replace("customer_id", column) + "1,anna@example.org,survey,2024-01-05,\n"
    with pytest.raises(IdentityColumn) as error:
        bring_in(write(tmp_path / "raw", feedback=text))
    assert f"The column {column} of feedback in " in str(error.value)
