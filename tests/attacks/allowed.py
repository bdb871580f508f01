"""The chart's list of what Grafana may be asked, read a second time and in another way: as nginx must understand it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from voice_lab.services.chart import CHART

LETTERS = frozenset(string.ascii_letters + string.digits)
WORD = LETTERS | set("._~@-")
QUERY = LETTERS | set("._~!$&'()*+,;=:@/?-")
VALUE = QUERY - set("&;=?")
FORBIDDEN = {*range(32), 127}
SMUGGLING = FORBIDDEN | set(b"#%&;=\\")
ENDINGS = ("js", "css", "json", "map", "svg", "png", "gif", "jpg", "webp", "ico", "woff", "woff2", "ttf")
LONGEST = 2001
LONGEST_OF_LOGIN = len("/login/") + 3900


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    name: str
    method: str
    path: str
    query: list[str]


ROWS = [Row(**row) for row in yaml.safe_load((CHART / "files" / "grafana-allowed.yaml").read_text())]


def _made_of(text: str, letters: set[str] | frozenset[str]) -> bool:
    return bool(text) and set(text) <= letters


def _is_file(text: str) -> bool:
    return "." in text and text.rsplit(".", 1)[1] in ENDINGS and all(map(_is_word, text.split("/")))


def _is_word(text: str) -> bool:
    return _made_of(text, WORD) and not text.startswith(".")


def _is_version(text: str) -> bool:
    numbers = text.removeprefix("v").replace("alpha", "beta").split("beta")
    return text.startswith("v") and len(numbers) <= 2 and all(_made_of(one, set(string.digits)) for one in numbers)


WORDS: dict[str, tuple[Callable[[str], bool], list[str]]] = {
    "uid": (lambda text: _made_of(text, LETTERS | set("_-")) and len(text) <= 40, ["vp-1", "voice-overview"]),
    "slug": (lambda text: not text or _made_of(text, LETTERS | set("_-")), ["-", "all-probes", ""]),
    "version": (_is_version, ["v1", "v1beta1", "v2alpha1"]),
    "namespace": (
        lambda text: text == "default" or (text[:4] == "org-" and _made_of(text[4:], set(string.digits))),
        ["default", "org-7"],
    ),
    "file": (_is_file, ["build/app.4f2a.js", "img/icons/unicons/angle-down.svg"]),
}
"""What a word of a path in the list stands for, and examples."""
MAY_BE_LEFT_OUT = {"slug?": "/{slug}", "slash?": "/", "dto?": "/dto", "parents?": "/parents"}


def paths(row: Row) -> list[str]:
    """The row's paths as the browser has them, with and without what may be left out."""
    found = [f"/grafana{row.path}"]
    for word, text in MAY_BE_LEFT_OUT.items():
        found = [path.replace(f"{{{word}}}", part) for path in found for part in {"", text}]
    return found


def may_pass(method: str, target: str) -> bool:
    """Whether the list lets this through, as it stands."""
    path, mark, query = target.partition("?")
    rows = [row for row in ROWS if method == row.method or (method, row.method) == ("HEAD", "GET")]
    return any(
        any(_fits(path, one) for one in paths(row)) and (not mark or (bool(row.query) and _names(query, row.query)))
        for row in rows
    )


def _fits(path: str, pattern: str) -> bool:
    literal, *rest = re.split(r"\{(\w+)\}", pattern, maxsplit=1)
    if not rest:
        return path == literal
    word, tail = rest
    if not path.startswith(literal):
        return False
    remaining = path.removeprefix(literal)
    cut = len(remaining) if word == "file" or "/" not in remaining else remaining.index("/")
    return WORDS[word][0](remaining[:cut]) and _fits(remaining[cut:], tail)


def _names(query: str, allowed: list[str]) -> bool:
    return not query or all(_is_argument(one, allowed) for one in query.split("&"))


def _is_argument(text: str, allowed: list[str]) -> bool:
    name, _, value = text.partition("=")
    is_known = name in allowed or (
        "var-{name}" in allowed and name.startswith("var-") and _made_of(name[4:], LETTERS | {"_"})
    )
    return is_known and _encoded(value, VALUE, SMUGGLING)


def is_plain(target: str) -> bool:
    """Whether an address is written in the one form that there is."""
    path, _, query = target.partition("?")
    if not path.startswith("/") or len(target) > (LONGEST_OF_LOGIN if target.startswith("/login/") else LONGEST):
        return False
    words = path.removeprefix("/").removesuffix("/").split("/") if path != "/" else []
    return all(map(_is_word, words)) and _encoded(query, QUERY, FORBIDDEN)


def _encoded(text: str, letters: set[str] | frozenset[str], forbidden: set[int]) -> bool:
    """Whether a text is made of these letters and of encoded bytes, of which some are forbidden."""
    encoded: list[Any] = re.findall(r"%([0-9A-Fa-f]{2})", text)
    plain = re.sub(r"%[0-9A-Fa-f]{2}", "", text)
    return set(plain) <= letters and not {int(byte, 16) for byte in encoded} & forbidden
