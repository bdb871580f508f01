"""What the queries and expressions of a rule come to: a number for each label set, which is 0 where all is well."""

from __future__ import annotations

import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from voice_lab.grafana_stand_in.alerting.templates import printed
from voice_lab.grafana_stand_in.state import Document

Labels = dict[str, str]
State = Literal["Normal", "Pending", "Alerting", "Error"]
EXPRESSION = "__expr__"
"""Stands for a datasource where there is an expression."""


@dataclass(frozen=True)
class Number:
    """The value of one label set."""

    labels: Labels
    value: float


@dataclass(frozen=True)
class Series:
    """Values of one label set, in the order of their times."""

    labels: Labels
    values: Sequence[float]


Known = dict[str, Sequence[Number | Series]]
"""What queries and expressions came to, by refId."""


class RuleError(Exception):
    """A rule that cannot be judged. `source` is the query that failed, if it was one."""

    def __init__(self, message: str, source: Document | None = None) -> None:
        super().__init__(message)
        self.source = source


@dataclass(frozen=True)
class Result:
    """What a rule finds for one label set.

    Attributes:
        values: of each query and expression that has this label set.
        text: the same in words.
        error: why nothing was found.
        origin: labels that only an alert about that error has.
    """

    state: State
    labels: Labels
    values: Mapping[str, float] = field(default_factory=dict)
    text: str = ""
    error: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)


def queries(rule: Document) -> list[Document]:
    """What the rule asks of datasources."""
    return [query for query in rule["data"] if query["datasourceUid"] != EXPRESSION]


def evaluate(rule: Document, answers: Mapping[str, Document]) -> list[Result]:
    """What the rule finds in the answers to its queries, by refId; nothing without rows, and then all is well."""
    known: Known = {}
    try:
        for query in rule["data"]:
            known[query["refId"]] = _found(query, answers, known)
        found = _numbers(rule.get("condition", ""), known)
    except RuleError as error:
        source = error.source or {}
        origin = {"datasource_uid": source["datasourceUid"], "ref_id": source["refId"]} if source else {}
        return [Result("Error", {}, error=str(error), origin=origin)]
    results = [_result(number, _captured(number.labels, known)) for number in found]
    return _twice(results, rule["condition"]) or results


def _result(number: Number, captured: Mapping[str, Number]) -> Result:
    values = {ref: one.value for ref, one in captured.items()}
    text = ", ".join(
        f"[ var='{ref}' labels={{{_written(one.labels)}}} value={printed(one.value)} ]" for ref, one in captured.items()
    )
    return Result("Alerting" if number.value else "Normal", number.labels, values, text)


def _written(labels: Labels) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _twice(results: Sequence[Result], condition: str) -> list[Result]:
    """The error that a label set found twice is."""
    for index, result in enumerate(results):
        if any(result.labels == other.labels for other in results[:index]):
            what = f"invalid format of evaluation results for the alert definition {condition}: frame cannot uniquely"
            why = f"be identified by its labels: has duplicate results with labels {{{_written(result.labels)}}}"
            return [Result("Error", result.labels, error=f"{what} {why}")]
    return []


def _found(query: Document, answers: Mapping[str, Document], known: Known) -> Sequence[Number | Series]:
    """What a query or expression comes to, from those before it."""
    if query["datasourceUid"] != EXPRESSION:
        return _read(query, answers[query["refId"]])
    model = query["model"]
    match model.get("type"):
        case "math":
            return _compared(model["expression"], known)
        case "threshold":
            evaluator = model["conditions"][0]["evaluator"]
            sign = _THRESHOLDS.get(evaluator["type"], evaluator["type"])
            return _compared(f"${model['expression']} {sign} {evaluator['params'][0]}", known)
        case "reduce":
            return [_reduced(one, model["reducer"]) for one in _values(model["expression"], known)]
    raise RuleError(f"expressions of type {model.get('type')} are not known here")


def _values(ref: str, known: Known) -> Sequence[Number | Series]:
    if ref not in known:
        raise RuleError(f"there is no query or expression {ref} so far")
    return known[ref]


def _numbers(ref: str, known: Known) -> list[Number]:
    found = _values(ref, known)
    numbers = [one for one in found if isinstance(one, Number)]
    if len(numbers) < len(found):
        raise RuleError(f"{ref}: looks like time series data, only reduced data can be alerted on.")
    return numbers


def _captured(labels: Labels, known: Known) -> dict[str, Number]:
    """What each query and expression has of a label set."""
    return {
        ref: one
        for ref in sorted(known)
        for one in known[ref]
        if isinstance(one, Number) and _agree(one.labels, labels)
    }


def _compared(text: str, known: Known) -> list[Number]:
    """The mathematics that our rules use: `$A < $B`, `$A >= 0`; and `$A + $B > 1`."""
    if (match := _COMPARISON.fullmatch(text)) is None:
        raise RuleError(f"cannot read the expression {text}")
    left, right = _sum(match[1], known), _sum(match[3], known)
    return [Number(labels, _holds(match[2], a, b)) for labels, a, b in _pairs(left, right)]


def _sum(text: str, known: Known) -> list[Number]:
    first, *others = (_term(term.strip(), known) for term in text.split("+"))
    for one in others:
        first = [Number(labels, a + b) for labels, a, b in _pairs(first, one)]
    return first


def _term(text: str, known: Known) -> list[Number]:
    return _numbers(text[1:], known) if text.startswith("$") else [Number({}, float(text))]


def _read(query: Document, answer: Document) -> list[Number | Series]:
    """The rows of a table, each the value of the label set that its texts are; or the series of a time series."""
    if error := answer.get("error"):
        raise RuleError(f"failed to execute query {query['refId']}: {error}", query)
    found: list[Number | Series] = []
    for frame in answer["frames"]:
        fields, columns = frame["schema"]["fields"], frame["data"]["values"]
        kinds = [one["type"] for one in fields]
        if kinds.count("number") == 1 and set(kinds) <= {"number", "string"}:
            names = [one["name"] for one in fields if one["type"] == "string"]
            texts = [column for column, kind in zip(columns, kinds, strict=True) if kind == "string"]
            values = columns[kinds.index("number")]
            for value, *row in zip(values, *texts, strict=True):
                labels = {name: text or "" for name, text in zip(names, row, strict=True)}
                found.append(Number(labels, _float(value)))
        elif "time" in kinds and "string" not in kinds:
            series = [(one, column) for one, column in zip(fields, columns, strict=True) if one["type"] == "number"]
            found += [Series(one.get("labels") or {}, [_float(value) for value in column]) for one, column in series]
        else:
            text = f"input data must be a wide series but got type not (input refid {query['refId']})"
            raise RuleError(text, query)
    return found


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


_REDUCERS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "mean": statistics.fmean,
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
}


def _reduced(one: Number | Series, reducer: str) -> Number:
    if isinstance(one, Number):
        return one
    if reducer not in _REDUCERS:
        raise RuleError(f"there is no reducer {reducer} here")
    is_told = reducer == "last" or not any(map(math.isnan, one.values))
    return Number(one.labels, _REDUCERS[reducer](one.values) if is_told else math.nan)


_THRESHOLDS = {"gt": ">", "lt": "<"}
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TERM = r"\s*(?:\$\w+|-?\d+(?:\.\d+)?)\s*"
_SUM = rf"({_TERM}(?:\+{_TERM})*)"
_COMPARISON = re.compile(rf"{_SUM}([=!]=|[<>]=?){_SUM}")


def _holds(sign: str, a: float, b: float) -> float:
    """1 where a comparison holds, otherwise 0; NaN with NaN, which raises too."""
    return math.nan if math.isnan(a) or math.isnan(b) else float(_SIGNS[sign](a, b))


def _agree(a: Labels, b: Labels) -> bool:
    """Whether label sets are equal, or one is that of a plain number."""
    return a == b or not a or not b


def _pairs(left: Sequence[Number], right: Sequence[Number]) -> list[tuple[Labels, float, float]]:
    """Values whose label sets agree. Others are left out."""
    return [(a.labels or b.labels, a.value, b.value) for a in left for b in right if _agree(a.labels, b.labels)]
