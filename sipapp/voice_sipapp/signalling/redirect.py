"""Where a call goes on that was answered with 3xx (RFC 3261, section 8.1.3.4). Pure."""

from collections.abc import Collection, Sequence

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
