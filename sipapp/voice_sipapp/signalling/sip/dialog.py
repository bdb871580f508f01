"""Where the requests of a dialog go (RFC 3261, section 12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from sippy.SipAddress import SipAddress
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipRoute import SipRoute

Address = tuple[str, int]


@dataclass(frozen=True)
class Dialog:
    """`target` is where the far end wants its requests (Contact), `routes` the way there (Record-Route, the nearest
    first). What can't be sent to, a name among others, which would have to be looked up, goes to `fallback`: where the
    INVITE went or came from.
    """

    target: Any
    routes: Sequence[Any]
    fallback: Address

    @property
    def uri(self) -> Any:  # noqa: ANN401 - the stack is untyped
        """The Request-URI: the target, or the first router where that is a strict one (section 12.2.1.1)."""
        uri = _copy(self.target if self._loose else self.routes[0].getUrl())
        uri.headers = uri.method = None  # not allowed there (section 19.1.5)
        return uri

    @property
    def route(self) -> list[Any]:
        """The Route header fields."""
        routes = [each.getCopy() for each in self.routes]
        if self._loose:
            return routes
        return [*routes[1:], SipRoute(address=SipAddress(url=_copy(self.target), hadbrace=True))]

    @property
    def hop(self) -> Address:
        """Address and port that requests are sent to."""
        url = self.routes[0].getUrl() if self.routes else self.target
        host, port = url.getAddr()
        return (host, port) if _reaches(host, self.fallback[0]) else self.fallback

    @property
    def _loose(self) -> bool:
        return not self.routes or bool(self.routes[0].getUrl().lr)

    def direct(self, request: Any) -> None:  # noqa: ANN401
        """Put `request` on its way."""
        request.setRURI(self.uri)
        request.delHFs("route")
        request.appendHeaders([SipHeader(name="route", body=each) for each in self.route])

    def request(self, agent: Any, method: str, number: int, to: Any, edge: Address | None) -> Any:  # noqa: ANN401
        """A request within it, from `agent` to the party that `to` names; `edge`: where all of them go, None: to the
        far end itself.
        """
        return SipRequest(
            method=method, ruri=self.uri, to=to, fr0m=agent.lUri, cseq=number, callid=agent.cId, contact=agent.lContact,
            routes=self.route, target=(edge or self.hop, "udp"),
        )  # fmt: skip


def of_answer(answer: Any, before: Any, fallback: Address) -> Dialog:  # noqa: ANN401
    """The dialog that `answer`, to an INVITE of ours, makes; `before` is its target where the answer names none."""
    routes = [each.getCopy() for each in answer.getHFBodys("record-route")]
    return Dialog(contact(answer) or before, routes[::-1], fallback)


def of_request(request: Any) -> Dialog:  # noqa: ANN401
    """The dialog that the INVITE `request` makes."""
    source = request.getSource()
    routes = [each.getCopy() for each in request.getHFBodys("record-route")]
    return Dialog(contact(request) or request.getHFBody("from").getUrl(), routes, (source[0], source[1]))


def contact(message: Any) -> Any:  # noqa: ANN401
    """The URI in the Contact of `message`, None where there is none that can be used."""
    for each in message.getHFBodys("contact"):
        if not each.asterisk:
            return _copy(each.getUrl())
    return None


def copied(request: Any, names: Sequence[str], of: Any) -> None:  # noqa: ANN401
    """Give `request` the header fields `names` of another message."""
    request.appendHeaders([each.getCopy() for name in names for each in of.getHFs(name)])


def _copy(url: Any) -> Any:  # noqa: ANN401
    made = url.getCopy()
    made.scheme = url.scheme  # the stack's own copy is always of "sip"
    return made


def _reaches(host: str, known: str) -> bool:
    """Whether `host`, as it stands in a URI, is an address of the same kind as `known`, which we have spoken with."""
    try:
        address = ip_address(host.strip("[]"))
        return not address.is_unspecified and address.version == ip_address(known.strip("[]")).version
    except ValueError:
        return False
