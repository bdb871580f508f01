"""What can be released, and which version comes after which."""

import itertools

import pytest

from voice_lab.errors import LabError
from voice_lab.release import versions

RISING = ["0.1.0", "0.9.9", "0.10.0", "1.0.0-alpha.1", "1.0.0-beta.1", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.1"]
NONE = (
    "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.x", "1.2.3-", "1.2.3-rc", "1.2.3-rc.01", "1.2.3-mine.1", "1.2.3+5",
    "1.2.3\n", " 1.2.3", "1.2.3 ", "-1.2.3", "１.2.3", "../1.2.3",
)  # fmt: skip


@pytest.mark.parametrize("text", RISING)
def test_a_version_is_written_as_it_is_read(text: str) -> None:
    assert str(versions.parse(text)) == text


@pytest.mark.parametrize(("lower", "higher"), list(itertools.combinations(RISING, 2)))
def test_a_version_is_above_those_before_it(lower: str, higher: str) -> None:
    assert versions.parse(higher).is_above(versions.parse(lower))
    assert not versions.parse(lower).is_above(versions.parse(higher))


def test_none_is_above_itself() -> None:
    assert not versions.parse("1.2.3").is_above(versions.parse("1.2.3"))


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_version_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(LabError, match=r"is no version that can be released: name one such as 1\.2\.3"):
        versions.parse(text)


@pytest.mark.parametrize(
    ("text", "written"), [("1.2.3", "1.2.3"), ("1.2.3-alpha.4", "1.2.3a4"), ("1.2.3-rc.1", "1.2.3rc1")]
)
def test_pythons_tools_write_it_their_own_way(text: str, written: str) -> None:
    assert versions.parse(text).of_python == written
