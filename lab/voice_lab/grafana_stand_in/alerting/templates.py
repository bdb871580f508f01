"""The part of Go's text templates that annotations and labels of our rules use. Labels are data and stay that."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

Variables = Callable[[str], str | float | None]
"""Gives what `$labels.x` or `$values.A.Value` stands for; None if it is not there."""

_ACTION = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_KEYWORD = re.compile(r"(if|else if|else|end)\b\s*(.*)")
_WORD = re.compile(r'"[^"]*"|\S+')
_VARIABLE = re.compile(r"\$(?:labels\.(\w+)|values\.(\w+)\.Value)")
_VERB = re.compile(r'"%(\.\d)f"')
_LITERAL = re.compile(r'"[^"\\]*"|\d+\.\d+')


class TemplateError(Exception):
    """Not a template of the kind that is understood here, or one that does not fit its values."""


def expand(template: str, labels: Mapping[str, str], values: Mapping[str, float]) -> str:
    """The text that a template makes of an alert; the template itself if it cannot, as in Grafana."""

    def variables(word: str) -> str | float | None:
        if (match := _VARIABLE.fullmatch(word)) is None:
            raise TemplateError(f"no such variable: {word}")
        return labels.get(match[1]) if match[1] else values.get(match[2])

    try:
        return "".join(_rendered(template, variables))
    except TemplateError:
        return template


def _rendered(template: str, variables: Variables) -> Iterator[str]:
    live, opened = True, list[tuple[bool, bool]]()
    """Of each open `if`: whether it stands where text is wanted, and whether one of its branches was chosen."""
    for index, piece in enumerate(_ACTION.split(template)):
        if index % 2 == 0:
            if "{{" in piece:
                raise TemplateError(f"an action does not end: {piece}")
            yield piece if live else ""
        elif match := _KEYWORD.fullmatch(piece):
            keyword, condition = match.groups()
            opened += [(live, False)] if keyword == "if" else []
            if not opened:
                raise TemplateError(f"{keyword} without if")
            wanted, chosen = opened.pop()
            if keyword == "end":
                live = wanted
                continue
            live = wanted and not chosen and (keyword == "else" or _is_true(condition, variables))
            opened.append((wanted, chosen or live))
        elif live:
            yield _shown(piece, variables)
    if opened:
        raise TemplateError("if without end")


def _is_true(condition: str, variables: Variables) -> bool:
    """Of `$labels.x`, `eq $labels.x "text"` and `eq $values.A.Value 200.0`."""
    match _WORD.findall(condition):
        case [word]:
            return bool(variables(word))
        case ["eq", word, literal] if _LITERAL.fullmatch(literal):
            found, wanted = variables(word), json.loads(literal)
            if found is not None and type(found) is not type(wanted):
                raise TemplateError("eq compares what is of one type")
            return bool(found == wanted)
    raise TemplateError(f"cannot read {condition}")


def _shown(action: str, variables: Variables) -> str:
    """What stands for `$labels.x` or `printf "%.2f" $values.A.Value`."""
    match _WORD.findall(action):
        case [word]:
            found = variables(word)
            return "[no value]" if found is None else printed(found) if isinstance(found, float) else found
        case ["printf", pattern, word] if verb := _VERB.fullmatch(pattern):
            found = variables(word)
            if isinstance(found, str):
                raise TemplateError(f"printf cannot show {found} by %f")
            return "%!f(<nil>)" if found is None else f"{found:{verb[1]}f}" if math.isfinite(found) else printed(found)
    raise TemplateError(f"cannot read {action}")


def printed(number: float) -> str:
    """A number as Go prints it."""
    if not math.isfinite(number):
        return {"+nan": "NaN", "+inf": "+Inf", "-inf": "-Inf"}[f"{number:+}"]
    exact = Decimal(repr(number)).normalize()
    exponent = exact.adjusted()
    if number and not -4 <= exponent < 6:
        return f"{exact.scaleb(-exponent):f}e{exponent:+03}"
    return f"{exact:f}"
