"""Tables as Markdown writes them, and the places in a document that are written by a program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


class MarkerError(ValueError):
    """A document has no such place, or it does not end; the text is a sentence."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a bar in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def filled(document: str, parts: Mapping[str, str]) -> str:
    """The document with each part between its markers: `<!-- made: NAME -->` and `<!-- end of NAME -->`.

    Raises:
        MarkerError: a part has no place in the document, or a place has no part.
    """
    for name in set(re.findall(r"<!-- made: (\S+) -->", document)) - set(parts):
        raise MarkerError(f"nothing makes the part {name} of the document; take its markers out")
    for name, content in parts.items():
        begin, end = f"<!-- made: {name} -->", f"<!-- end of {name} -->"
        before, found, rest = document.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise MarkerError(f"the document has no place for {name}: write {begin} and {end}, each in a line")
        document = f"{before}{begin}\n{content}\n{end}{after}"
    return document


def listed(words: Sequence[str]) -> str:
    """Words as a sentence has them: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
