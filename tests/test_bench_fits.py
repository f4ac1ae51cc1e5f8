"""Fitted measures beside their peers: a small run, and that both sides would find the same figures.

The peers themselves are not among what developing installs: where the benchmark has made their environment, the slow
tests run them too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from benchmarks import bench_fits
from benchmarks.bench_fits import CONTESTS, OURS, find_gap
from benchmarks.company import ROOT
from benchmarks.race import Lap
from benchmarks.rivals import ours
from benchmarks.rivals.draw import DRAWN, make_facts
from benchmarks.rivals.lane import PEERS, Lane, Run, make_environment, run_lanes

SIZE = 2_000
SAME = {"lifetimes": 1e-5, "lifelines": 1e-9, "pingouin": 1e-9, "DoubleML": 0.2}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fits")


def folder_of(name: str, root: Path) -> Path:
    return make_facts(CONTESTS[name].drawn, SIZE, root)


@pytest.mark.parametrize(
    ("name", "most"), [("repurchase", 1e-9), ("spend", 1e-6), ("renewals", 1e-12), ("importance", 1e-9)]
)
def test_the_measure_says_what_the_mathematics_alone_says(root: Path, name: str, most: float) -> None:
    chain, alone = (getattr(ours, part)(folder_of(name, root))() for part in (name, f"{name}_alone"))
    assert chain.keys() == alone.keys()
    assert find_gap(chain, alone) < most


def test_the_effect_is_the_same_whichever_folds_its_models_are_fitted_on(root: Path) -> None:
    """Both stay within a third of a standard error of each other, and find the planted -1.5 within three."""
    chain, alone = (part(folder_of("effect", root))() for part in (ours.effect, ours.effect_alone))
    assert abs(chain["effect"] - alone["effect"]) < chain["se"] / 3
    assert abs(alone["effect"] + 1.5) < 3 * alone["se"]


def test_themes_read_every_comment_of_a_small_company(root: Path) -> None:
    assert ours.themes(folder_of("themes", root))()["comments"] == SIZE


def test_every_contest_names_functions_and_a_company_that_exist() -> None:
    theirs = Path(ours.__file__).with_name("theirs.py").read_text(encoding="utf-8")
    for contest in CONTESTS.values():
        assert contest.drawn in DRAWN
        assert hasattr(ours, contest.ours)
        assert all(f"\ndef {target}(folder: Path) -> Run:" in theirs for target in contest.peers.values())


def test_the_peers_are_pinned_to_one_version_each() -> None:
    lines = [line for line in PEERS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert lines
    assert all(line.count("==") == 1 and "://" not in line for line in lines)


def test_a_lane_gives_its_laps_and_one_that_fails_its_last_words(root: Path) -> None:
    folder = folder_of("renewals", root)
    (root / "empty").mkdir()
    lanes = [
        Lane("good", sys.executable, "ours:renewals_alone", folder),
        Lane("bad", sys.executable, "ours:renewals_alone", root / "empty"),
    ]
    runs = run_lanes(lanes, 2, patience=60)
    assert [lap.seconds > 0 and lap.peak_mb > 5 for lap in runs["good"].laps] == [True, True]
    assert runs["good"].figures == json.loads(json.dumps(ours.renewals_alone(folder)()))
    assert not runs["bad"].laps
    assert "contracts.parquet" in runs["bad"].failure


def test_who_is_slow_is_asked_once(root: Path) -> None:
    lane = Lane("one", sys.executable, "ours:renewals_alone", folder_of("renewals", root))
    assert len(run_lanes([lane], 3, patience=0.0)["one"].laps) == 1


def test_ratios_and_gaps_stand_beside_the_peer() -> None:
    runs = {
        OURS: Run([Lap(9, 9, 100), Lap(1, 0.5, 100)], {"r": 2.0}),
        "peer": Run([Lap(70, 60, 250)], {"r": 2.002}),
        "gone": Run(failure="ImportError: no | such thing"),
    }
    first, peer, gone = bench_fits._describe(CONTESTS["repurchase"], 5_000, runs)
    assert first == ("BG/NBD", "5,000", OURS, "1", "0.5", "100", "", "", "", "", "r 2", "")
    assert peer == (
        *("BG/NBD", "5,000", "peer", "70", "60", "250", "70.0", "120.0", "2.5", "10", "r 2.002", "1.0e-03"),
    )
    assert gone[-2:] == ("failed: ImportError: no / such thing", "")
    assert len({len(first), len(peer), len(gone), len(bench_fits._HEADER)}) == 1


@pytest.mark.slow
def test_saydo_runs_alone_where_there_are_no_peers(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    part = bench_fits.main([], [SIZE], 1, root, page, with_peers=False)
    assert len(part.rows) == len(CONTESTS)
    assert not [row for row in part.rows if row[-2].startswith("failed")]
    assert "Saydo ran alone" in page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "peers" / "made-from").is_file(), reason="make bench has not installed the peers")
@pytest.mark.parametrize("name", [name for name, contest in CONTESTS.items() if contest.peers.keys() & SAME.keys()])
def test_peers_find_the_same_figures(root: Path, name: str) -> None:
    contest, python = CONTESTS[name], make_environment(ROOT)
    assert python
    runs = bench_fits._race(contest, folder_of(name, root), python, 0)
    for peer, run in runs.items():
        assert not run.failure
        assert find_gap(runs[OURS].figures, run.figures) < SAME.get(peer, 1.0)
