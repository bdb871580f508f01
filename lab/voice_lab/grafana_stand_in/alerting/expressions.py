"""What the queries and expressions of a rule come to: a number for each label set, which is 0 where all is well."""

from __future__ import annotations

import ast
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
State = Literal["Normal", "Pending", "Alerting", "NoData", "Error"]
EXPRESSIONS = {"__expr__", "-100"}
"""What stands for a datasource where there is an expression."""


@dataclass(frozen=True)
class Number:
    """The value of one label set; None where nothing is known, which is not NaN."""

    labels: Labels
    value: float | None


@dataclass(frozen=True)
class Series:
    """Values of one label set, in the order of their times."""

    labels: Labels
    values: Sequence[float]


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
    return [query for query in rule["data"] if query["datasourceUid"] not in EXPRESSIONS]


def evaluate(rule: Document, answers: Mapping[str, Document]) -> list[Result]:
    """What the rule finds in the answers to its queries, by refId."""
    sheet = _Sheet(rule["data"], answers)
    try:
        for query in rule["data"]:
            sheet.values(query["refId"])
        found = sheet.numbers(rule.get("condition", ""))
    except RuleError as error:
        source = error.source or {}
        origin = {"datasource_uid": source["datasourceUid"], "ref_id": source["refId"]} if source else {}
        return [Result("Error", {}, error=str(error), origin=origin)]
    if empty := [query for query in queries(rule) if not sheet.values(query["refId"])]:
        return _no_data(empty)
    if not found:
        return [Result("NoData", {})]
    results = [_result(number, sheet.captured(number.labels)) for number in found]
    return _twice(results, rule["condition"]) or results


def _no_data(empty: list[Document]) -> list[Result]:
    refs: dict[str, list[str]] = {}
    for query in empty:
        refs.setdefault(query["datasourceUid"], []).append(query["refId"])
    return [Result("NoData", {"datasource_uid": uid, "ref_id": ",".join(sorted(of))}) for uid, of in refs.items()]


def _result(number: Number, captured: Mapping[str, Number]) -> Result:
    state: State = "NoData" if number.value is None else "Alerting" if number.value else "Normal"
    values = {ref: math.nan if one.value is None else one.value for ref, one in captured.items()}
    text = ", ".join(
        f"[ var='{ref}' labels={{{_written(one.labels)}}} value={'null' if one.value is None else printed(one.value)} ]"
        for ref, one in captured.items()
    )
    return Result(state, number.labels, values, text)


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


class _Sheet:
    """Queries and expressions with what they came to, worked out as they are needed."""

    def __init__(self, data: Sequence[Document], answers: Mapping[str, Document]) -> None:
        self._asked = {query["refId"]: query for query in data}
        self._answers = answers
        self._known: dict[str, Sequence[Number | Series]] = {}

    def values(self, ref: str) -> Sequence[Number | Series]:
        if ref not in self._known:
            if (query := self._asked.pop(ref, None)) is None:
                raise RuleError(f"there is no query or expression {ref}, or it needs itself")
            self._known[ref] = self._found(query)
        return self._known[ref]

    def numbers(self, ref: str) -> list[Number]:
        found = self.values(ref)
        numbers = [one for one in found if isinstance(one, Number)]
        if len(numbers) < len(found):
            raise RuleError(f"{ref}: looks like time series data, only reduced data can be alerted on.")
        return numbers

    def captured(self, labels: Labels) -> dict[str, Number]:
        """What each query and expression has of a label set, or else of one that holds it or is held by it."""
        found = {}
        for ref in sorted(self._known):
            known = [one for one in self._known[ref] if isinstance(one, Number) and _agree(one.labels, labels)]
            if known:
                found[ref] = next((one for one in known if one.labels == labels), known[0])
        return found

    def _found(self, query: Document) -> Sequence[Number | Series]:
        if query["datasourceUid"] not in EXPRESSIONS:
            return _read(query, self._answers[query["refId"]])
        model = query["model"]
        match model.get("type"):
            case "math":
                return _math(_parsed(model["expression"]), self.numbers)
            case "threshold":
                return _math(_parsed(_threshold(model)), self.numbers)
            case "reduce":
                return [_reduced(one, model) for one in self.values(_ref(model))]
        raise RuleError(f"expressions of type {model.get('type')} are not known here")


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


def _ref(model: Document) -> str:
    return str(model["expression"]).removeprefix("$")


_THRESHOLDS = {
    "gt": "{0} > {1}",
    "lt": "{0} < {1}",
    "within_range": "{0} > {1} && {0} < {2}",
    "outside_range": "{0} < {1} || {0} > {2}",
}


def _threshold(model: Document) -> str:
    """A threshold as the mathematics that it stands for."""
    evaluator = model["conditions"][0]["evaluator"]
    if (text := _THRESHOLDS.get(evaluator["type"])) is None:
        raise RuleError(f"there is no threshold {evaluator['type']} here")
    return text.format(f"${_ref(model)}", *(f"({float(one)})" for one in evaluator["params"]))


_REDUCERS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
}


def _reduced(one: Number | Series, model: Document) -> Number:
    values = [_float(one.value)] if isinstance(one, Number) else one.values
    settings, reducer = model.get("settings") or {}, model.get("reducer")
    if settings.get("mode") == "dropNN":
        values = [value for value in values if math.isfinite(value)]
    elif settings.get("mode") == "replaceNN":
        values = [value if math.isfinite(value) else float(settings["replaceWithValue"]) for value in values]
    if reducer == "count":
        return Number(one.labels, float(len(values)))
    if reducer not in _REDUCERS:
        raise RuleError(f"there is no reducer {reducer} here")
    if not values:
        return Number(one.labels, None)
    is_told = reducer == "last" or not any(math.isnan(value) for value in values)
    return Number(one.labels, _REDUCERS[reducer](values) if is_told else math.nan)


def _parsed(expression: str) -> ast.expr:
    """An expression as Python reads it, once its signs are Python's; nothing in it is ever run."""
    named = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda match: f"_{match[1] or match[2]}", expression)
    text = re.sub(r"&&|\|\||!(?!=)", lambda match: {"&&": " and ", "||": " or ", "!": "~"}[match[0]], named)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RuleError(f"cannot read the expression {expression}") from error


def _quotient(a: float, b: float) -> float:
    if b:
        return a / b
    return math.copysign(math.inf, a) * math.copysign(1, b) if a else math.nan


_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Mod: lambda a, b: math.fmod(a, b) if b else math.nan,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.And: lambda a, b: bool(a and b),
    ast.Or: lambda a, b: bool(a or b),
}


def _math(node: ast.expr, numbers: Callable[[str], list[Number]]) -> list[Number]:
    match node:
        case ast.Constant(value=int() | float() as value):
            return [Number({}, float(value))]
        case ast.Name(id=name) if name.startswith("_"):
            return numbers(name[1:])
        case ast.UnaryOp(op=ast.USub() | ast.Invert() as sign, operand=operand):
            return [Number(one.labels, _signed(sign, one.value)) for one in _math(operand, numbers)]
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(node, numbers, left, [(op, right)])
        case ast.BoolOp(op=op, values=[left, *rest]):
            return _combined(node, numbers, left, [(op, one) for one in rest])
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _combined(node, numbers, left, list(zip(ops, comparators, strict=True)))
    raise RuleError(f"an expression cannot hold {ast.unparse(node)}")


def _signed(sign: ast.AST, value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return value
    return -value if isinstance(sign, ast.USub) else float(not value)


def _combined(
    node: ast.expr, numbers: Callable[[str], list[Number]], left: ast.expr, rest: Sequence[tuple[ast.AST, ast.expr]]
) -> list[Number]:
    found = _math(left, numbers)
    for op, right in rest:
        if (function := _OPERATORS.get(type(op))) is None:
            raise RuleError(f"an expression cannot hold {ast.unparse(node)}")
        pairs = _pairs(found, _math(right, numbers))
        found = [Number(labels, _applied(type(op), function, a.value, b.value)) for labels, a, b in pairs]
    return found


def _agree(a: Labels, b: Labels) -> bool:
    """Whether label sets are equal or one holds the other."""
    if len(a) == len(b):
        return a == b
    return a.items() < b.items() or a.items() > b.items()


def _pairs(left: Sequence[Number], right: Sequence[Number]) -> list[tuple[Labels, Number, Number]]:
    """Numbers whose label sets agree, with the larger set. Others are left out."""
    pairs = [(max(a.labels, b.labels, key=len), a, b) for a in left for b in right if _agree(a.labels, b.labels)]
    # Grafana pairs what is alone on both sides, whatever its labels.
    return [({}, left[0], right[0])] if not pairs and len(left) == len(right) == 1 else pairs


def _applied(
    op: type[ast.AST], function: Callable[[float, float], float], a: float | None, b: float | None
) -> float | None:
    if a is None or b is None:
        return None
    if op is ast.And and a == 0:
        return 0.0
    if op is ast.Or and a != 0:
        return 1.0
    return math.nan if math.isnan(a) or math.isnan(b) else float(function(a, b))
