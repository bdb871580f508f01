"""The version stands in one place; whatever cannot ask there says the same."""

import re

import pytest

from voice_lab.errors import LabError
from voice_lab.images import names
from voice_lab.places import CHECKOUT
from voice_lab.release import standing
from voice_lab.release.versions import parse

TEXTS = {name: (CHECKOUT / name).read_text() for name in standing.FILES}


@pytest.mark.parametrize("place", standing.PLACES, ids=lambda place: f"{place.file} {place.before}")
def test_every_place_says_the_version_of_pyproject(place: standing.Place) -> None:
    version = parse(names.version())
    assert place.read(TEXTS[place.file]) == (version.of_python if place.of_python else str(version))


@pytest.mark.parametrize("number", ["7.8.9", "7.8.9-rc.1"])
def test_a_release_changes_those_lines_and_no_others(number: str) -> None:
    version = parse(number)
    changed = standing.written(TEXTS, version)
    assert standing.said(changed, version)
    assert not standing.said(TEXTS, version)
    before, after = (text.splitlines() for text in map("".join, (TEXTS.values(), changed.values())))
    lines = [line for old, line in zip(before, after, strict=True) if old != line]
    assert len(lines) == len(standing.PLACES)
    assert all(re.search(r"7\.8\.9(-rc\.1|rc1)?\"?$", line) for line in lines)


@pytest.mark.parametrize("text", ["", "version: 1\nversion: 2\n"])
def test_a_file_without_one_line_for_it_is_told(text: str) -> None:
    place = standing.Place("Chart.yaml", r"^version: ", r"$")
    with pytest.raises(LabError, match=r"Chart\.yaml has [02] lines with the version"):
        place.written(text, parse("1.0.0"))
