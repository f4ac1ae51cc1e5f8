from __future__ import annotations

from pathlib import Path

import saydo


def test_folder_with_feedback_alone_is_read(tmp_path: Path) -> None:
    rows = "feedback_id,customer_id,source,question,said_at,score\n1,a,survey,nps,2024-01-05,9\n2,b,survey,nps,2024-01-06,11\n"
    (tmp_path / "feedback.csv").write_text(rows, encoding="utf-8")
    facts = saydo.read(tmp_path)
    assert (facts.manifest.tables["feedback"].rows, facts.manifest.tables["feedback"].quarantined) == (1, 1)
    assert facts.run(facts.table("feedback").select("score"))["score"].to_pylist() == [9.0]
    assert facts.run(facts.table("customers").select("customer_id"))["customer_id"].to_pylist() == ["a"]
