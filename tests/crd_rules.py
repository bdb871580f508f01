"""What the CRD's rules say of a text, without an API server: tests/integration/test_crd_uris.py holds both together."""

import re
from collections.abc import Callable


def told(rules: list[dict[str, str]]) -> Callable[[str], list[str]]:
    """What of `rules`, which are `self.matches('…')` joined by !, || and && only, is said of a text."""
    compiled = [(_condition(rule["rule"]), rule["message"]) for rule in rules]
    return lambda text: [message for holds, message in compiled if not holds(text)]


def _condition(rule: str) -> Callable[[str], bool]:
    patterns: list[re.Pattern[str]] = []

    def noted(found: re.Match[str]) -> str:
        patterns.append(re.compile(_python(found[1]), re.ASCII))
        return f" matches({len(patterns) - 1}) "

    text = re.sub(r"self\.matches\('([^']*)'\)", noted, rule)
    text = text.replace("!", " not ").replace("||", " or ").replace("&&", " and ")
    assert re.fullmatch(r"(?:\s|not|or|and|[()]|matches\(\d+\))+", text), rule
    code = compile(" ".join(text.split()), "<rule>", "eval")

    def holds(value: str) -> bool:
        return bool(eval(code, {"matches": lambda n: bool(patterns[n].search(value))}))  # noqa: S307 - checked above

    return holds


def _python(pattern: str) -> str:
    """`pattern` in Python's spelling: "$" is the end of the text alone, and "[" in a class is escaped."""
    text, inside, at = "", False, 0
    while at < len(pattern):
        each = pattern[at]
        if each == "[" and not inside:
            inside = True
            opening = re.compile(r"\[\^?\]?").match(pattern, at)
            assert opening
            text, at = text + opening[0].replace("]", r"\]"), opening.end()
            continue
        if inside and each == "]":
            inside = False
        text += r"\[" if inside and each == "[" else r"\Z" if each == "$" and not inside else each
        at += 1
    return text
