"""Sets of traffic against sets of single ports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_cdk.judge import traffic
from voice_cdk.judge.traffic import Span, Traffic

SPANS = st.builds(
    lambda protocol, first, size: Span(protocol, first, first + size),
    st.sampled_from(("tcp", "udp")), st.integers(0, 30), st.integers(0, 12),
)  # fmt: skip
SETS = st.lists(SPANS, max_size=5).map(tuple)


def ports(some: Traffic) -> set[tuple[str, int]]:
    return {(span.protocol, port) for span in some for port in range(span.first, span.last + 1)}


@given(SETS, SETS)
def test_operations_are_those_of_sets(one: Traffic, other: Traffic) -> None:
    assert ports(traffic.union([one, other])) == ports(one) | ports(other)
    assert ports(traffic.common(one, other)) == ports(one) & ports(other)
    assert ports(traffic.without(one, other)) == ports(one) - ports(other)


@given(SETS)
def test_all_holds_everything(some: Traffic) -> None:
    assert traffic.without(some, traffic.ALL) == ()
    assert traffic.common(traffic.ALL, some) == some


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (("tcp", 443, 443), "tcp/443"),
        ((6, "443", "443"), "tcp/443"),
        (("udp", 20000, 29998), "udp/20000-29998"),
        (("50", None, None), "esp"),
        (("icmpv6", -1, -1), "icmpv6"),
        (("47", None, None), "other"),
    ],
)
def test_a_rule_says_its_traffic(rule: tuple[object, object, object], wanted: str) -> None:
    assert traffic.told(traffic.of_rule(*rule)) == wanted


@pytest.mark.parametrize("rule", [("tcp", 2, 1), ("tcp", None, None), ("udp", 0, 65536), ("udp", -2, 5)])
def test_what_aws_would_refuse_is_refused(rule: tuple[object, object, object]) -> None:
    with pytest.raises(ValueError, match=r"port|Port"):
        traffic.of_rule(*rule)


def test_minus_one_is_everything() -> None:
    assert traffic.of_rule("-1", None, None) is traffic.ALL
