"""The secret of pseudonyms: kept for the next import, for its owner alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.sources.imports import bring_in, write

ADDRESS = "anna@example.org"
QUERY = """
select Nr as order_id, pseudonym(Mail) as customer_id, '2024-01-05' as ordered_at, 'paid' as status, 'EUR' as currency
from read('sales.csv')
"""


def keys(tmp_path: Path, name: str = "raw") -> list[str]:
    folder = write(tmp_path / "map", orders__sql=QUERY)
    raw = write(tmp_path / name, sales=f"Nr,Mail\n1,{ADDRESS}\n2,{ADDRESS}\n")
    found: list[str] = bring_in(raw, str(folder)).rows("orders", "customer_id")
    return found


def test_second_import_makes_the_same_keys_and_another_company_others(tmp_path: Path) -> None:
    first = keys(tmp_path)
    assert first[0] == first[1]
    assert keys(tmp_path) == first
    assert keys(tmp_path, "other") != first


def test_key_cannot_be_found_by_hashing_addresses(tmp_path: Path) -> None:
    assert keys(tmp_path)[0] != hashlib.sha256(ADDRESS.encode()).hexdigest()[:20]


def test_secret_lies_beside_the_facts_for_its_owner_alone(tmp_path: Path) -> None:
    keys(tmp_path)
    path = tmp_path / "raw-facts.secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) == 65
    assert not list((tmp_path / "raw-facts").glob("*secret*"))


def test_secret_of_the_environment_is_used_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYDO_PSEUDONYM_SECRET", "ours")
    assert keys(tmp_path) == keys(tmp_path, "other")
    assert not list(tmp_path.glob("*.secret"))


def test_import_without_pseudonyms_makes_no_secret(tmp_path: Path) -> None:
    bring_in(write(tmp_path / "raw", orders="order_id,ordered_at,status,currency\n1,2024-01-05,paid,EUR\n"))
    assert not list(tmp_path.glob("*.secret"))
