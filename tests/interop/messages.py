"""The messages that far ends of plain sockets hear, as text: their header fields, their bodies, their descriptions."""

from __future__ import annotations

import re


def header(text: str, name: str) -> str:
    """The value of the first header field called `name`."""
    found = re.search(rf"^{name}[ \t]*:[ \t]*([^\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else ""


def body(text: str) -> str:
    """The body of a message."""
    return text.partition("\r\n\r\n")[2]


def sound_port(text: str) -> int:
    """The port that the description in a message wants sound at; 0 without one."""
    found = re.search(r"^m=audio ([1-9][0-9]*) ", text, re.MULTILINE)
    return int(found[1]) if found else 0


def kinds(text: str) -> list[int]:
    """The payload types of the description in a message."""
    found = re.search(r"^m=audio [0-9]+ \S+ ([0-9 ]+)", text, re.MULTILINE)
    return [int(each) for each in found[1].split()] if found else []
