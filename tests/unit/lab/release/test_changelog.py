"""The changelog's section of what was not released becomes that of a version."""

import pytest

from voice_lab.errors import LabError
from voice_lab.places import CHECKOUT
from voice_lab.release import changelog
from voice_lab.release.versions import parse

TEXT = """# Changelog

## [Unreleased]

### Added

- A thing.

## [1.2.0] - 2026-01-31

- Another.

## [1.10.0-rc.1] - 2026-01-30

- A third.

[Unreleased]: https://example.net
"""


def test_what_was_not_released_is_now_and_a_new_section_begins() -> None:
    text = changelog.release(TEXT, parse("1.10.0"), "2026-02-03")
    assert text.startswith("# Changelog\n\n## [Unreleased]\n\n## [1.10.0] - 2026-02-03\n\n### Added\n")
    assert [each.name for each in changelog.sections(text)] == ["Unreleased", "1.10.0", "1.2.0", "1.10.0-rc.1"]
    assert changelog.unreleased(text).is_empty


def test_the_last_version_is_the_highest_wherever_it_stands() -> None:
    assert changelog.last(TEXT) == parse("1.10.0-rc.1")
    assert changelog.last("## [Unreleased]\n\n- x\n") is None


@pytest.mark.parametrize("version", ["1.2.0", "1.9.9", "1.10.0-beta.5", "1.10.0-rc.1"])
def test_a_version_that_is_not_above_the_last_one_is_refused(version: str) -> None:
    with pytest.raises(LabError, match=rf"^{version} is not above 1\.10\.0-rc\.1, the last version in CHANGELOG\.md"):
        changelog.release(TEXT, parse(version), "2026-02-03")


@pytest.mark.parametrize("text", ["", "# Changelog\n", "## [1.0.0]\n\n- x\n", "## Unreleased\n\n- x\n"])
def test_a_changelog_without_the_section_is_refused(text: str) -> None:
    with pytest.raises(LabError, match=r"CHANGELOG\.md has no section `## \[Unreleased\]`"):
        changelog.release(text, parse("9.0.0"), "2026-02-03")


@pytest.mark.parametrize("body", ["", "\n\n", "\n### Added\n\n### Changed\n\n"])
def test_a_section_that_says_nothing_is_refused(body: str) -> None:
    with pytest.raises(LabError, match="there is nothing to release"):
        changelog.release(f"## [Unreleased]\n{body}\n## [1.0.0]\n\n- x\n", parse("9.0.0"), "2026-02-03")


def test_a_heading_that_names_no_version_is_told() -> None:
    with pytest.raises(LabError, match="'next' is no version"):
        changelog.last("## [Unreleased]\n\n- x\n\n## [next]\n")


def test_the_notes_are_one_versions_section_without_the_links_below() -> None:
    text = changelog.release(TEXT, parse("2.0.0"), "2026-02-03")
    assert changelog.notes(text, parse("2.0.0")) == "# Voice Quality Reporting 2.0.0\n\n### Added\n\n- A thing.\n"
    assert changelog.notes(text, parse("1.10.0-rc.1")).endswith("\n\n- A third.\n")


def test_our_own_changelog_can_be_read() -> None:
    assert changelog.sections((CHECKOUT / changelog.FILE).read_text())[0].name == changelog.UNRELEASED
