"""The part of Go's text templates that annotations and labels of our rules use. Labels are data and stay that."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

Scope = Mapping[str, object]

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_ACTION = re.compile(rf'(?:\s*\{{\{{-(?=\s)|\{{\{{)((?:{_STRING}|[^"}}]|\}}(?!\}}))*?)(?:(?<=\s)-\}}\}}\s*|\}}\}})')
_KEYWORD = re.compile(r"(if|else if|else|end)\b\s*(.*)", re.DOTALL)
_WORD = re.compile(rf"{_STRING}|[^\s\"|()]+")
_VERB = re.compile(r"%(\.\d+)?([fsv%])")


class TemplateError(Exception):
    """Not a template of the kind that is understood here, or one that does not fit its values."""


def expand(template: str, labels: Mapping[str, str], values: Mapping[str, float]) -> str:
    """The text that a template makes of an alert; the template itself if it cannot, as in Grafana."""
    scope = {"labels": labels, "values": {ref: {"Value": value} for ref, value in values.items()}}
    try:
        return "".join(_rendered(template, scope))
    except TemplateError:
        return template


def _rendered(template: str, scope: Scope) -> Iterator[str]:
    live, opened = True, list[tuple[bool, bool]]()
    """Of each open `if`: whether it stands where text is wanted, and whether one of its branches was chosen."""
    for index, piece in enumerate(_ACTION.split(template)):
        keyword, condition = match.groups() if (match := _KEYWORD.fullmatch(piece.strip())) else ("", piece)
        if index % 2 == 0:
            if "{{" in piece:
                raise TemplateError(f"an action does not end: {piece}")
            yield piece if live else ""
        elif keyword:
            opened += [(live, False)] if keyword == "if" else []
            if not opened:
                raise TemplateError(f"{keyword} without if")
            wanted, chosen = opened.pop()
            if keyword == "end":
                live = wanted
                continue
            live = wanted and not chosen and (keyword == "else" or bool(_value(condition, scope)))
            opened.append((wanted, chosen or live))
        elif live:
            yield _shown(_value(piece, scope))
    if opened:
        raise TemplateError("if without end")


def _value(expression: str, scope: Scope) -> object:
    words = _WORD.findall(expression)
    if not words or _WORD.sub("", expression).strip():
        raise TemplateError(f"cannot read {expression}")
    if function := _FUNCTIONS.get(words[0]):
        return function(*(_operand(word, scope) for word in words[1:]))
    if len(words) > 1:
        raise TemplateError(f"no such function: {words[0]}")
    return _operand(words[0], scope)


def _operand(word: str, scope: Scope) -> object:
    if word.startswith("$"):
        return _variable(word, scope)
    try:
        return json.loads(word)
    except ValueError:
        raise TemplateError(f"cannot read {word}") from None


def _variable(word: str, scope: Scope) -> object:
    """What `$labels.x` or `$values.A.Value` is; None if it is not there."""
    name, *path = word[1:].split(".")
    if name not in scope or not path:
        raise TemplateError(f"no such variable: {word}")
    found: object = scope[name]
    for step in path:
        if isinstance(found, str | float):
            raise TemplateError(f"{word}: nothing is below a text or a number")
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _equal(first: object = None, *others: object) -> bool:
    known = {type(one) for one in (first, *others) if one is not None}
    if not others or len(known) > 1:
        raise TemplateError("eq compares what is of one type")
    return first in others


def _printf(pattern: object = None, *arguments: object) -> str:
    if not isinstance(pattern, str) or "%" in _VERB.sub("", pattern):
        raise TemplateError(f"printf cannot read {pattern}")
    verbs = [verb for verb in _VERB.finditer(pattern) if verb[2] != "%"]
    if len(verbs) != len(arguments):
        raise TemplateError(f"printf has {len(arguments)} values for {pattern}")
    left = iter(arguments)
    return _VERB.sub(lambda verb: "%" if verb[2] == "%" else _formatted(verb[1], verb[2], next(left)), pattern)


def _formatted(precision: str | None, letter: str, value: object) -> str:
    if value is None:
        return "<nil>" if letter == "v" else f"%!{letter}(<nil>)"
    if letter == "f" and isinstance(value, float) and math.isfinite(value):
        return f"{value:{precision or ''}f}"
    if not isinstance(value, {"f": float, "s": str, "v": object}[letter]):
        raise TemplateError(f"printf cannot show {value} by %{letter}")
    return _shown(value)


_FUNCTIONS: dict[str, Callable[..., object]] = {"eq": _equal, "printf": _printf}


def _shown(value: object) -> str:
    match value:
        case None:
            return "[no value]"
        case bool():
            return str(value).lower()
        case float():
            return printed(value)
        case str() | int():
            return str(value)
    raise TemplateError("only texts and numbers can be shown")


def printed(number: float) -> str:
    """A number as Go prints it."""
    if not math.isfinite(number):
        return {"+nan": "NaN", "+inf": "+Inf", "-inf": "-Inf"}[f"{number:+}"]
    exact = Decimal(repr(number)).normalize()
    exponent = exact.adjusted()
    if number and not -4 <= exponent < 6:
        return f"{exact.scaleb(-exponent):f}e{exponent:+03}"
    return f"{exact:f}"
