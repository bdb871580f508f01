"""From a file to the tables of TOML, or to one sentence why there are none."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from voice_cdk.config.faults import ConfigError, Fault, shown

LARGEST = 256 * 1024
"""Bytes. A configuration has a few kilobytes; a hundred clients are twenty."""

Table = dict[str, object]

_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_HINTS = {
    "Invalid value": "text stands between quotes, and true and false in small letters",
    "Expected '=' after a key in a key/value pair": 'a line is `key = value`, `[table]` or a comment after "#"',
    "Cannot overwrite a value": "this key stands twice: take one out",
    "Cannot declare": "this table stands twice: bring both together",
    "Expected newline or end of document after a statement": (
        "one key a line, only a comment behind its value, and fractions with a point"
    ),
    "Invalid statement": 'a line is `key = value`, `[table]` or a comment after "#"',
    "Found invalid character '\\r'": "lines end with a line feed, which a carriage return may stand before",
    "Unescaped '\\'": "a backslash in a text is written twice, or the text stands between apostrophes",
    "Escaped character is not a Unicode scalar value": "write the character itself",
    "Cannot mutate immutable namespace": "a table between braces is whole: put this key into it",
    "Unclosed array": 'the list lacks its "]"',
    "Unterminated string": "a text lacks its closing quote",
    "Expected \"'": "a text lacks its closing quote",
    "Expected '\"": "a text lacks its closing quote",
    "Invalid initial character for a key part": "a table between braces stands in one line, but for lists in it",
    "Illegal character": "text ends in the line in which it begins, and only spaces and tabs indent",
    "Unclosed inline table": 'a table between braces stands in one line and ends with "}"',
    "Expected ']' at the end of a table declaration": 'the name of a table stands between "[" and "]"',
}


def read(path: Path) -> Table:
    """Return the tables of a file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    return parse(_text(_content(path)))


def parse(text: str) -> Table:
    """Return the tables of a text.

    Raises:
        ConfigError: it is not TOML; the sentence says in which line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(*_placed(str(error), text)) from None
    except RecursionError:
        raise _refused("", "this nests lists or tables too deeply; a configuration nests them three deep") from None
    except ValueError:  # of int(): the only number that TOML admits and Python does not
        raise _refused("", "a number has thousands of digits; shorten it") from None


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_open) as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _refused("", "there is no such file; cdk/config/example.toml is one to begin with") from None
    except IsADirectoryError:
        raise _refused("", "this is a folder; name the file in it") from None
    except PermissionError:
        raise _refused("", "this file may not be read; give the right to, with chmod") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or error
        raise _refused("", f"this file cannot be read: {reason}") from None
    if len(content) > LARGEST:
        raise _refused("", f"this has more than {LARGEST // 1024} KiB, which no configuration has; is it another file?")
    if not content.strip():
        raise _refused("", "this file is empty; cdk/config/example.toml is one to begin with")
    return content


def _open(path: str, flags: int) -> int:
    """Open a file; a pipe, too, into which nobody writes: it's empty then, where else one would wait for ever."""
    file = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(file, True)
    return file


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refused("", "this is UTF-16, and TOML is UTF-8; save it as UTF-8")
    if content.startswith(b"\xef\xbb\xbf"):
        raise _refused("", "this begins with a byte order mark; save it as UTF-8 without one")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(f"line {line}", "this is not UTF-8, as TOML is; save the file as UTF-8") from None


def _placed(message: str, text: str) -> tuple[str, str]:
    """Return the place and the sentence of what the parser says."""
    found = _PLACE.search(message)
    reason = message[: found.start()] if found else message
    hint = next((said for begin, said in _HINTS.items() if reason.startswith(begin)), "")
    sentence = f"this is not TOML: {reason}" + (f"; {hint}" if hint else "")
    if found is None or found[1] is None:
        return "at its end", sentence
    lines = text.split("\n")
    line = lines[int(found[1]) - 1].strip() if int(found[1]) <= len(lines) else ""
    return f"line {found[1]}, column {found[2]}", f"{sentence}. The line is {shown(line)}"


def _refused(where: str, what: str) -> ConfigError:
    return ConfigError((Fault(where, what),))
