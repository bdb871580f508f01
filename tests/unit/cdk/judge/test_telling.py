"""A cause is told in one line, with the number of flows that follow from it."""

from __future__ import annotations

from voice_cdk.judge.keys import Fault
from voice_cdk.judge.telling import folded


def flow(source: str, zone: str, resource: str = "S/Table", kind: str = "black hole") -> Fault:
    return Fault(
        kind=kind, reason="no route", resource=resource, source=source, destination="database", port="tcp/3306",
        family="ipv6", zone=zone,
    )  # fmt: skip


UNUSED = [Fault(kind="unused route", reason=f"{number} serves nobody", resource="S/R") for number in range(3)]
REFUSED = Fault(kind="refused", reason="has two targets", resource="S/R")


def test_flows_of_one_cause_are_one_line() -> None:
    [line] = folded([flow("pods", "a"), flow("pods", "b"), flow("SIP host", "a")])
    assert line == (
        "black hole: pods -> database tcp/3306 ipv6 a: no route [S/Table] … and 2 flows more: SIP host, pods (a, b)"
    )


def test_flows_of_two_causes_are_two_lines() -> None:
    assert len(list(folded([flow("pods", "a"), flow("pods", "a", resource="S/Other")]))) == 2


def test_what_lets_too_much_pass_is_not_counted_among_what_keeps_back() -> None:
    assert len(list(folded([flow("pods", "a"), flow("pods", "a", kind="open")]))) == 2


def test_a_cause_stands_before_what_follows_from_it() -> None:
    first, second, third = folded([flow("pods", "a"), *UNUSED, REFUSED])
    assert first == str(REFUSED)
    assert second.startswith("black hole")
    assert third == "unused route: 0 serves nobody [S/R] … and 2 more that serve nobody: see to the flows above first"


def test_without_lost_flows_all_that_serves_nobody_is_told() -> None:
    assert list(folded(UNUSED)) == [str(fault) for fault in UNUSED]


def test_the_same_of_several_resources_is_one_line() -> None:
    several = [Fault(kind="unresolved", reason="Ref X: nothing", resource=f"S/R{number}") for number in range(3)]
    assert list(folded(several)) == ["unresolved: Ref X: nothing [S/R0] … and the same of S/R1, S/R2"]


def test_a_fault_that_is_found_twice_is_told_once() -> None:
    assert list(folded([REFUSED, REFUSED])) == [str(REFUSED)]
