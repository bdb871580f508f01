"""What rows become, what expressions make of them, and what is an error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lab.grafana_stand_in.alert_world import expression, rule, sql, table
from voice_lab.grafana_stand_in.alerting.expressions import Result, evaluate

PROBES = {"p1": {"probe": "p1"}, "p2": {"probe": "p2"}}


def judged(text: str, **answers: object) -> list[Result]:
    """What a rule of these queries and this expression finds."""
    data = [*(sql(ref) for ref in answers), expression("C", type="math", expression=text)]
    return evaluate(rule("r", *data), answers)


def values(results: list[Result]) -> list[tuple[str, float | None]]:
    return [(one.labels.get("probe", ""), one.values.get("C")) for one in results]


def test_every_text_column_is_a_label_and_the_number_is_the_value() -> None:
    (one,) = judged("$A > 2", A=table("probe probe_name value", ("p1", "Fax <b>", 3.25)))
    assert one.labels == {"probe": "p1", "probe_name": "Fax <b>"}
    assert one.values == {"A": 3.25, "C": 1}
    labels = "labels={probe=p1, probe_name=Fax <b>}"
    assert one.text == f"[ var='A' {labels} value=3.25 ], [ var='C' {labels} value=1 ]"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("$A > 2", "Alerting"),
        ("$A > 3", "Normal"),
        ("$A >= 3", "Alerting"),
        ("$A <= 2.5", "Normal"),
        ("$A != 3", "Normal"),
        ("$A == 3", "Alerting"),
        ("-1 < $A", "Alerting"),
        ("$A + $A + 1 == 7", "Alerting"),
    ],
)
def test_comparisons(text: str, state: str) -> None:
    assert [one.state for one in judged(text, A=table("probe value", ("p1", 3)))] == [state]


def test_two_queries_are_joined_on_equal_labels_and_a_row_without_partner_is_left_out() -> None:
    a = table("probe value", ("p1", 1), ("p2", 5), ("p3", 1))
    b = table("probe threshold", ("p1", 2), ("p2", 2))
    assert values(judged("$A < $B", A=a, B=b)) == [("p1", 1), ("p2", 0)]


def test_a_null_is_nan_and_raises() -> None:
    (one,) = judged("$A > 2", A=table("probe value", ("p1", None)))
    assert one.state == "Alerting"
    assert math.isnan(one.values["C"])
    assert "value=NaN" in one.text


def test_without_rows_nothing_is_found() -> None:
    assert judged("$A > $B", A=table(""), B=table("probe value", ("p1", 1))) == []
    assert judged("$A > 1", A=table("")) == []


def test_an_error_of_a_query_is_the_rules() -> None:
    (one,) = judged("$A > 1", A={"error": "db query error: Error 1146: no table", "frames": []})
    assert (one.state, one.labels) == ("Error", {})
    assert one.error == "failed to execute query A: db query error: Error 1146: no table"
    assert one.origin == {"ref_id": "A", "datasource_uid": "voice-cdr"}


def test_a_label_set_found_twice_is_an_error_about_it() -> None:
    (one,) = judged("$A > 1", A=table("probe value", ("p1", 3), ("p2", 3), ("p1", 0)))
    assert (one.state, one.labels, one.origin) == ("Error", {"probe": "p1"}, {})
    assert "has duplicate results with labels {probe=p1}" in one.error


@pytest.mark.parametrize(
    "text", ["$A >", "A > 1", "__import__('os')", "$A.x", "$A > 'x'", "$D > 1", "[1]", "$C", "$A ** 2"]
)
def test_what_is_no_expression_is_an_error(text: str) -> None:
    assert [one.state for one in judged(text, A=table("probe value", ("p1", 3)))] == ["Error"]


@pytest.mark.parametrize("rows", [("probe name", ("a", "b")), ("probe a b", ("p", 1, 2))])
def test_a_table_without_one_number_is_an_error_of_the_query(rows: tuple[str, tuple[object, ...]]) -> None:
    (one,) = judged("$A > 1", A=table(*rows))
    assert one.state == "Error"
    assert one.origin["ref_id"] == "A"


def series(*values: float | None) -> object:
    fields = [{"name": "Time", "type": "time"}, {"name": "mos", "type": "number", "labels": {"probe": "p1"}}]
    return {"frames": [{"schema": {"fields": fields}, "data": {"values": [list(range(len(values))), list(values)]}}]}


@pytest.mark.parametrize(
    ("reducer", "values", "expected"),
    [
        ("last", (2, None, 4), 4),
        ("mean", (2, 3, 4), 3),
        ("mean", (2, None, 4), math.nan),
        ("max", (2, 3, 4), 4),
        ("sum", (1, 1), 2),
    ],
)
def test_series_are_reduced_and_then_judged(reducer: str, values: tuple[float | None, ...], expected: float) -> None:
    reduce = expression("B", type="reduce", expression="A", reducer=reducer)
    threshold = expression(
        "C", type="threshold", expression="B", conditions=[{"evaluator": {"type": "gt", "params": [3.5]}}]
    )
    (one,) = evaluate(rule("r", sql("A"), reduce, threshold), {"A": series(*values)})
    assert one.values["B"] == pytest.approx(expected, nan_ok=True)
    assert one.state == ("Alerting" if not expected <= 3.5 else "Normal")
    assert one.labels == {"probe": "p1"}


def test_series_that_are_not_reduced_cannot_be_judged() -> None:
    (one,) = judged("$A > 1", A=series(1, 2))
    assert one.state == "Error"


@pytest.mark.parametrize(
    ("kind", "params", "raised"),
    [("gt", [3], "4"), ("lt", [3], "2")],
)
def test_thresholds(kind: str, params: list[float], raised: str) -> None:
    threshold = expression(
        "C", type="threshold", expression="A", conditions=[{"evaluator": {"type": kind, "params": params}}]
    )
    found = evaluate(rule("r", sql("A"), threshold), {"A": table("n value", ("2", 2), ("3", 3), ("4", 4))})
    assert "".join(one.labels["n"] for one in found if one.state == "Alerting") == raised


rows = st.dictionaries(st.text(max_size=3), st.integers(-3, 3) | st.none(), min_size=2, max_size=6)


@given(rows, rows)
def test_a_join_compares_what_both_have_and_nan_always_raises(
    a: dict[str, int | None], b: dict[str, int | None]
) -> None:
    found = judged("$A < $B", A=table("probe value", *a.items()), B=table("probe value", *b.items()))
    both = [name for name in a if name in b]
    expected = {name for name in both if a[name] is None or b[name] is None or a[name] < b[name]}
    assert {one.labels["probe"] for one in found if one.state == "Alerting"} == expected
    assert len(found) == len(both)
