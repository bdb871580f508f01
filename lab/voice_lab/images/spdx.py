"""Licences by their names in SPDX's list, and what of them can be combined with our own, Apache-2.0."""

from __future__ import annotations

import re

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU",
    "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib", "bzip2-1.0.6", "LicenseRef-public-domain",
})  # fmt: skip
"""Their terms bind what they came with, and not what it is combined with (https://www.apache.org/legal/resolved.html,
categories A and B)."""

EXCEPTIONS = frozenset({"GCC-exception-3.1", "LLVM-exception"})
"""What a licence that binds more may leave free: programs that such a library merely runs beneath."""

_TOKEN = re.compile(r"\(|\)|[A-Za-z0-9.+-]+")


def combinable(expression: str, allowed: frozenset[str] = ALLOWED) -> bool:
    """Tell whether what is under `expression` (SPDX's annex D) may be combined with our own: of OR one side is enough.

    Raises:
        ValueError: it is no such expression.
    """
    tokens = _TOKEN.findall(expression)
    if not tokens or _TOKEN.sub("", expression).strip():
        raise ValueError(f"{expression!r} is no SPDX expression")
    verdict, rest = _either(tokens, allowed)
    if rest:
        raise ValueError(f"{expression!r} is no SPDX expression: {rest[0]!r} is too much")
    return verdict


def _either(tokens: list[str], allowed: frozenset[str]) -> tuple[bool, list[str]]:
    verdict, rest = _both(tokens, allowed)
    while rest and rest[0].upper() == "OR":
        other, rest = _both(rest[1:], allowed)
        verdict = verdict or other
    return verdict, rest


def _both(tokens: list[str], allowed: frozenset[str]) -> tuple[bool, list[str]]:
    verdict, rest = _one(tokens, allowed)
    while rest and rest[0].upper() == "AND":
        other, rest = _one(rest[1:], allowed)
        verdict = verdict and other
    return verdict, rest


def _one(tokens: list[str], allowed: frozenset[str]) -> tuple[bool, list[str]]:
    if not tokens or tokens[0].upper() in {"AND", "OR", "WITH", ")"}:
        raise ValueError("a licence is missing in an SPDX expression")
    if tokens[0] == "(":
        verdict, rest = _either(tokens[1:], allowed)
        if not rest or rest[0] != ")":
            raise ValueError("a parenthesis is not closed in an SPDX expression")
        return verdict, rest[1:]
    verdict, rest = tokens[0].removesuffix("+") in allowed, tokens[1:]
    if len(rest) > 1 and rest[0].upper() == "WITH":
        return verdict or rest[1] in EXCEPTIONS, rest[2:]
    return verdict, rest
