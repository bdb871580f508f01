"""Which users of SIP URIs are the same number, and which of them an allotted number covers. Nothing here does I/O.

`same_number` is the SIP host's own definition, written once more because the parts never import each other:
tests/unit/test_contracts.py holds both to the same cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

SHORTEST_NATIONAL = 7
"""A number of at least so many digits is taken for another one that ends with it: country codes come and go."""

RANGE = "*"
"""What ends an allotted number that stands for all that begin like it."""

# ITU-T E.164, list of assigned country codes: 1 and 7 stand alone, these have two digits, all others three.
_ONE_DIGIT = frozenset({"1", "7"})
_TWO_DIGITS = re.compile("2[07]|3[0-469]|4[0134-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")
_INTERNATIONAL = re.compile(r"\+|00")
_USER = re.compile(r"sips?:([^@]+)@|tel:([^;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumberRights:
    """What a probe may do by its numbers. `allotted`: those that tell whose a call is, the receiver's first.

    `taken`: the receiver's, if it is somebody else's; then no call is placed.
    """

    allotted: tuple[str, ...] = ()
    taken: str | None = None


NO_RIGHTS = NumberRights()


def user_part(address: str) -> str:
    """The user of a SIP URI that has one, the number of a tel: URI, without escapes and telephone parameters; raises
    ValueError.
    """
    found = _USER.match(address)
    if found is None:
        raise ValueError(f"{address!r} is no SIP address with a user")
    return _plain(found[1] or found[2])


def comparable(user: str) -> str:
    """`user` in the one form in which it is compared: of a telephone number the digits that matter, without "+", "00",
    trunk prefix, separators (RFC 3966: visual separators mean nothing), escapes and telephone parameters; a name in
    small letters.
    """
    bare = _bare(user)
    number = bare.lstrip("+").lstrip("0") if re.fullmatch(r"\+?[0-9]+", bare) else ""
    return number or _plain(user).lower()


def digits(user: str) -> str:
    """The digits that matter of a telephone number; "" for a name."""
    found = comparable(user)
    return found if _is_number(found) else ""


def same_number(one: str, other: str) -> bool:
    """Whether two users are the same telephone number, written with or without "+", "00", country code, trunk prefix
    and separators; or the same name, whatever its case.
    """
    shorter, longer = sorted((comparable(one), comparable(other)), key=len)
    is_tail = _is_number(shorter) and _is_number(longer) and len(shorter) >= SHORTEST_NATIONAL
    return shorter == longer or (is_tail and longer.endswith(shorter))


def endings(user: str) -> Iterator[str]:
    """All that `user` may be a longer spelling of, comparable, beginning with itself."""
    yield comparable(user)
    number = digits(user)
    for start in range(1, len(number) - SHORTEST_NATIONAL + 1):
        yield number[start:]


def key(user: str) -> str:
    """A text that is equal for all users that are the same number: what an index finds them by."""
    return digits(user)[-SHORTEST_NATIONAL:] or comparable(user)


def is_international(user: str) -> bool:
    """Whether a telephone number says itself that it begins with its country code."""
    return _INTERNATIONAL.match(_bare(user)) is not None


def is_range(allotted: str) -> bool:
    """Whether an allotted number stands for all that begin like it."""
    return allotted.endswith(RANGE)


def national(number: str) -> str:
    """The digits of an international number without its country code."""
    length = 1 if number[:1] in _ONE_DIGIT else 2 if _TWO_DIGITS.match(number) else 3
    return number[length:]


def grants(allotted: str, user: str) -> bool:
    """Whether whoever was allotted `allotted` may call `user` its own: the same number in full, or nationally.

    Less than that is the end of too many numbers to be anybody's.
    """
    number = digits(user)
    if is_range(allotted):
        first = digits(allotted.removesuffix(RANGE))
        if len(number) < SHORTEST_NATIONAL:
            return False
        home = "" if is_international(user) else national(first)
        return number.startswith(first) or (bool(home) and number.startswith(home))
    if comparable(allotted) == comparable(user):
        return True
    home = national(digits(allotted)) if is_international(allotted) and not is_international(user) else ""
    return len(number) >= SHORTEST_NATIONAL and number == home


def may_mean(allotted: str, user: str) -> bool:
    """Whether a call to `user` may be one to `allotted`: then it is nobody else's."""
    return grants(allotted, user) if is_range(allotted) else same_number(allotted, user)


def _is_number(user: str) -> bool:
    """Whether `user`, in comparable form, is a telephone number: one begins with no zero."""
    return user.isascii() and user.isdecimal() and not user.startswith("0")


def _bare(user: str) -> str:
    return re.sub(r"[-.() ]", "", _plain(user))


def _plain(user: str) -> str:
    """`user` without escapes (RFC 3261, section 19.1.2) and telephone parameters (RFC 3966, RFC 4694)."""
    return unquote(user.split(";", maxsplit=1)[0] or user)
