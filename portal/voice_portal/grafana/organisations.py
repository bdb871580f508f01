"""As whom Grafana is asked: which viewer a request gets, by the organisation that it names. Nothing here does I/O.

Grafana's pages name their organisation by `orgId` in the address, and with each question by a header. Neither opens
anything: it chooses among the clients that the user may see. The viewer that comes of it belongs to one organisation
alone, which is all that Grafana then shows, whatever else the request says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

# As Grafana itself writes it. Another way of writing a number (`07`, `+7`, `%37`) might be read otherwise there.
_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_FILES = "/grafana/public/"
_FLEETS = re.compile(r"/grafana/(d|api/dashboards/uid)/voice-fleet(/.*)?")


@dataclass(frozen=True)
class Viewer:
    """The viewer of one client, or, where that is None, of all clients at once."""

    client: str | None


FLEET = Viewer(None)


class _MalformedError(Exception):
    """An organisation is named in a way that Grafana's pages never do."""


def viewer_of(uri: str, header: str, organisations: Mapping[str, int | None], *, is_staff: bool) -> Viewer | None:
    """The viewer for a request to Grafana; None if it is to be refused.

    Args:
        uri: path and query as the browser wrote them (nginx's `X-Original-URI`).
        header: `X-Grafana-Org-Id`, empty if it did not come.
        organisations: the clients that the user may see, and the number of each one's organisation once it has one.
            For staff these are all there are: an organisation that is none of theirs can only be that of the fleet.
        is_staff: whether the user may look at all clients at once.
    """
    try:
        named = _named(uri, header)
    except _MalformedError:
        return None
    if named is not None:
        owner = next((Viewer(client) for client, number in organisations.items() if str(number) == named), None)
        return owner or (FLEET if is_staff else None)
    path = uri.partition("?")[0]
    if is_staff and _FLEETS.fullmatch(path):
        return FLEET
    viewers = [*map(Viewer, organisations), *([FLEET] if is_staff else [])]
    # Files are the same for everybody. Anything else is only clear to who may see one client.
    return viewers[0] if len(viewers) == 1 or (viewers and path.startswith(_FILES)) else None


def _named(uri: str, header: str) -> str | None:
    """The number of the organisation that a request names, None for none; raises _MalformedError."""
    # Grafana takes `;` for no separator; whatever does take it for one must find nothing either.
    parts = [part.partition("=") for part in re.split("[&;]", uri.partition("?")[2])]
    in_query = [(name, number) for name, _, number in parts if unquote_plus(name).casefold() == "orgid"]
    if len(in_query) > 1 or any(name != "orgId" for name, _ in in_query):
        raise _MalformedError
    numbers = [number for _, number in in_query] + ([header] if header else [])
    if not all(map(_NUMBER.fullmatch, numbers)) or len(set(numbers)) > 1:
        raise _MalformedError
    return numbers[0] if numbers else None
