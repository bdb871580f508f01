"""What a datasource needs to log in to MySQL."""

from __future__ import annotations

from voiceprobe_operator.desired import Access
from voiceprobe_operator.errors import Transient, explain
from voiceprobe_operator.settings import Settings


def access(password: str, settings: Settings) -> Access:
    """The access by that password, with MySQL's authority as it is now. Raises Transient if that cannot be read."""
    authority = settings.mysql_tls_ca
    if authority is None:
        return Access(password)
    try:
        return Access(password, authority.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        # It was fine when the operator started: somebody is replacing it.
        text = f"the operator cannot read {authority}: {explain(error)}"
        raise Transient("AuthorityUnreadable", text) from error
