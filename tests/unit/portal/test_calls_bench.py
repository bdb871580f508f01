"""What the portal's benchmark asks for, as far as no server is needed to know it."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from bench.portal import asking
from bench.portal.__main__ import SEARCHES

from voice_portal.probes.calls import filters


@pytest.mark.parametrize("query", SEARCHES.values(), ids=SEARCHES)
def test_it_searches_for_what_the_portal_understands(query: str) -> None:
    search = filters.read(dict(parse_qsl(query)), zoneinfo.ZoneInfo("UTC"), datetime.now(UTC))
    assert not search.mistakes
    assert search.query() == query


def test_works_are_done_in_turn() -> None:
    done: list[str] = []
    samples = asking.taken_ms([lambda: done.append("ours"), lambda: done.append("theirs")], 7)
    assert done[2 * asking.WARM :] == ["ours", "theirs"] * 7
    assert [len(one) for one in samples] == [7, 7]


def test_one_slow_answer_of_a_hundred_is_no_95th_percentile() -> None:
    assert asking.p95([1.0] * 99 + [500.0]) == 1.0
    assert asking.p95([1.0] * 80 + [500.0] * 20) == 500.0


def test_what_others_ask_meanwhile_counts_for_nothing() -> None:
    asked = iter([0, 9, 9, 18, 18, 40, 40, 49, 49, 58])
    assert asking.statements(lambda: next(asked), lambda: None, times=5) == 9
