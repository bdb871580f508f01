"""What becomes of files that the lab writes and leaves."""

from __future__ import annotations

from pathlib import Path

from voice_lab import files, waiting


def test_what_is_cleared_away_is_gone_at_once_and_from_the_disk_soon(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    (lab / "data" / "deep").mkdir(parents=True)
    for path in (lab / "key", lab / "data" / "deep" / "file", lab / "log"):
        path.write_text("x")
    left_by_another = tmp_path / f"{files.LEAVING}another"
    left_by_another.mkdir()
    files.clear_away([lab / "data", lab / "key"], tmp_path)
    assert [path.name for path in lab.iterdir()] == ["log"]
    waiting.until(lambda: list(tmp_path.iterdir()) == [lab], what="nothing else is on the disk", seconds=20)
