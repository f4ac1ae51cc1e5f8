"""Files of any shape: recognised by name or headers, picked by hand, imported by the mapping that the picks make."""

from __future__ import annotations

from pathlib import Path

from saydo.sources import (
    Origin,
    Pick,
    count_refused,
    find_people,
    import_facts,
    import_people,
    people_columns,
    read,
    read_refused,
    recognise,
    write_mapping,
)


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_files_are_recognised_by_their_names_or_their_headers(tmp_path: Path) -> None:
    raw = write(
        tmp_path / "raw",
        export="Order-ID;Customer ID;Ordered at;Status;Currency;x_shop\nA;K;2024-01-05;paid;EUR;Lyon\n",
        orders="number,customer_id\n1,K\n",
        kontakte="customer_id,name,e-mail\nK,Zoé,z@example.org\n",
        strange="a,b\n1,2\n",
        empty="",
    )
    found = {one.file: one for one in recognise(sorted(raw.iterdir()))}
    assert {file: one.pick.table for file, one in found.items()} == {
        "empty.csv": "",
        "export.csv": "orders",
        "kontakte.csv": "people",
        "orders.csv": "orders",
        "strange.csv": "",
    }
    assert found["export.csv"].pick.columns["order_id"] == Origin("Order-ID")
    assert found["export.csv"].pick.columns["x_shop"] == Origin("x_shop")
    assert found["export.csv"].sample == (("A", "K", "2024-01-05", "paid", "EUR", "Lyon"),)
    assert found["orders.csv"].pick.missing == ["order_id", "ordered_at", "status", "currency"]
    assert "empty" in found["empty.csv"].error


def test_picks_make_a_mapping(tmp_path: Path) -> None:
    raw = write(
        tmp_path / "raw",
        one='Nr;Mail;"When ""it"" was"\nA1;a@example.org;2024-01-05\nA2;b@example.org;soon\n',
        two="id,who\nA3,a@example.org\n",
    )
    always = {"status": Origin(value="paid"), "currency": Origin(value="EUR")}
    first = {"order_id": Origin("Nr"), "customer_id": Origin(pseudonym="Mail"), "ordered_at": Origin('When "it" was')}
    second = {
        "order_id": Origin("id"),
        "customer_id": Origin(pseudonym="who"),
        "ordered_at": Origin(value="2024-02-01"),
    }
    picks = {"one.csv": Pick("orders", first | always), "two.csv": Pick("orders", second | always)}
    assert write_mapping(picks, tmp_path / "mapping")
    import_facts(str(tmp_path / "mapping"), raw, tmp_path / "facts")
    facts = read(tmp_path / "facts")
    rows = facts.run(facts.table("orders")).to_pylist()
    assert [(row["order_id"], row["status"]) for row in rows] == [("A1", "paid"), ("A3", "paid")]
    assert rows[0]["customer_id"] == rows[1]["customer_id"] != "a@example.org"
    quarantine = tmp_path / "facts" / "quarantine"
    assert count_refused(quarantine) == {"orders": 1}
    assert [(one.file, one.row, one.column, one.value) for one in read_refused(quarantine)] == [
        ("one.csv", 3, "ordered_at", "soon")
    ]


def test_picked_people_have_the_keys_of_the_facts(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", who="Mail,Called\na@example.org,Zoé\n")
    (tmp_path / "to").mkdir()
    pick = Pick("people", {"customer_id": Origin(pseudonym="Mail"), "name": Origin("Called"), "email": Origin("Mail")})
    assert not write_mapping({"who.csv": pick}, tmp_path / "mapping")
    assert find_people(raw) == []
    entry = import_people(raw, [raw / "who.csv"], tmp_path / "to", people_columns({"who.csv": pick}))
    assert entry is not None
    assert entry.rows == 1
