"""The suite on a small one: what gets a second try, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from voice_lab import suite

PASSES, FAILS = "def test_passes(): pass\n", "def test_fails(): assert False\n"
# What is wrong only where others run beside it.
CROWDED = "import os\ndef test_crowded(): assert 'PYTEST_XDIST_WORKER' not in os.environ\n"
AT_ONCE = ("--numprocesses=1", "-q")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one file that has a test that passes."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_passes.py").write_text(PASSES)
    return tmp_path


def test_a_test_that_fails_among_others_only_is_told_as_flaky(small: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small / "test_more.py").write_text(CROWDED)
    assert suite.run(AT_ONCE, small, again_alone=True) == 0
    told = capfd.readouterr()
    assert "1 failed" in told.out
    assert "FLAKY: failed among others, passed alone: test_more.py::test_crowded" in told.err + told.out


def test_a_test_that_fails_alone_too_is_broken(small: Path) -> None:
    (small / "test_more.py").write_text(CROWDED + FAILS)
    assert suite.run(AT_ONCE, small, again_alone=True) == 1


def test_many_that_fail_get_no_second_try(small: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(suite.FEW + 1):
        (small / f"test_more_{number}.py").write_text(CROWDED)
    assert suite.run(AT_ONCE, small, again_alone=True) == 1
    assert "again" not in "".join(capfd.readouterr())


def test_a_run_that_did_not_come_to_its_end_gets_none(small: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small / "test_broken.py").write_text("import nothing_of_that_name\n")
    assert suite.run(["-q"], small, again_alone=True) == 2
    assert "again" not in "".join(capfd.readouterr())


def test_nothing_runs_twice_unless_wanted(small: Path) -> None:
    (small / "test_more.py").write_text(CROWDED)
    assert suite.run(AT_ONCE, small, again_alone=False) == 1
