"""Where a call goes on that was answered with 3xx (RFC 3261, section 8.1.3.4). Pure."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from voice_sipapp.plan.sipuri import SipUri, SipUriError

FOLLOWED = frozenset({300, 301, 302})
"""Several choices, moved for good, moved for now. 305 and 380 ask for something else than a call to another address."""

MOST = 5
"""How many redirects one call follows."""


class RedirectError(ValueError):
    """The call can't go on; the text says why."""


def following(contacts: Sequence[str], tried: Collection[str]) -> SipUri:
    """The first of `contacts`, the most wanted first, that can be called and is none of `tried`, the URIs that were
    called so far. Raises RedirectError.
    """
    if len(tried) > MOST:
        raise RedirectError(f"redirected more than {MOST} times")
    problem = "redirected to nowhere"
    for contact in contacts:
        try:
            uri = SipUri.parse(contact)
        except SipUriError:
            problem = f"redirected to {contact}, which can't be called"
            continue
        if uri.text not in tried:
            return uri
        problem = f"redirected in a circle, to {contact} again"
    raise RedirectError(problem)


def contacts(answer: Any) -> list[str]:  # noqa: ANN401
    """The URIs that the refusal `answer` points to, the most wanted first (q, RFC 3261 section 20.10)."""
    found: list[tuple[float, str]] = []
    for each in getattr(answer, "contacts", ()):
        # Read from the text: the stack's parser refuses what is no SIP URI, and a person should be told what it is.
        if parts := re.match(r"[^<]*<([^>]*)>(.*)|([^;\s]+)(.*)", str(each.body)):
            uri, parameters = parts[1] or parts[3], parts[2] or parts[4] or ""
            wanted = re.search(r";\s*q\s*=\s*([01](?:\.[0-9]{1,3})?)", parameters, re.IGNORECASE)
            found.append((float(wanted[1]) if wanted else 1.0, uri))
    return [uri for _, uri in sorted(found, key=lambda each: -each[0])]
