"""Answers compared whole with what was recorded, where numbers and times of one server stand as placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = Any


class Like:
    """Stands in a recorded answer for a value that differs from server to server."""

    def __init__(self, what: str, holds: Callable[[Any], bool]) -> None:
        self.what, self.holds = what, holds

    def __repr__(self) -> str:
        return f"<{self.what}>"


def pattern(what: str, expression: str) -> Like:
    """A text that matches as a whole."""
    return Like(what, lambda value: isinstance(value, str) and re.fullmatch(expression, value, re.DOTALL) is not None)


def holding(*parts: str) -> Like:
    """A text with all `parts` in it."""
    return Like(f"text with {parts}", lambda value: isinstance(value, str) and all(part in value for part in parts))


NUMBER = Like("a number", lambda value: type(value) is int and value > 0)
TEXT = Like("a text", lambda value: isinstance(value, str))
OBJECT = Like("an object", lambda value: isinstance(value, dict))
UUID = pattern("a uid that it chose", r"[0-9A-Za-z][0-9A-Za-z-]{8,39}")
TIME = pattern("a time in whole seconds", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NANOS = pattern("a time in nanoseconds", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z")


def failed(message: str, **more: Json) -> Json:
    """The body of an error from a handler that had an inner one."""
    return {"message": message, **more, "traceID": ""}


def denied(action: str) -> Json:
    """The body of a refusal for want of a permission."""
    needs = "You'll need additional permissions to perform this action. Permissions needed: "
    return {
        "accessErrorId": pattern("ACE and ten digits", r"ACE\d{10}"),
        "message": needs + action,
        "title": "Access denied",
    }


def differences(recorded: Json, told: Json, *, more: bool, where: str = "$") -> list[str]:
    """Where `told` is not what was recorded: keys, values and their types. With `more`, objects may have other keys."""
    if isinstance(recorded, Like):
        return [] if recorded.holds(told) else [f"{where}: {told!r} is not {recorded!r}"]
    if type(recorded) is not type(told):
        return [f"{where}: {told!r} instead of {recorded!r}"]
    if isinstance(recorded, dict):
        missing = [f"{where}.{key}: missing" for key in recorded.keys() - told.keys()]
        new = [f"{where}.{key}: not recorded, {told[key]!r}" for key in told.keys() - recorded.keys() if not more]
        both = [key for key in recorded if key in told]
        deeper = (differences(recorded[key], told[key], more=more, where=f"{where}.{key}") for key in both)
        return [*missing, *new, *(one for part in deeper for one in part)]
    if isinstance(recorded, list):
        if len(recorded) != len(told):
            return [f"{where}: {len(told)} instead of {len(recorded)} of them: {told!r}"]
        pairs = enumerate(zip(recorded, told, strict=True))
        return [one for n, (a, b) in pairs for one in differences(a, b, more=more, where=f"{where}[{n}]")]
    return [] if recorded == told else [f"{where}: {told!r} instead of {recorded!r}"]
