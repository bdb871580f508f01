"""Our messages as the stack's own, made of what we read: it parses nothing that a far end wrote.

What it must repeat (Via, From, To, the URI of a Contact) it repeats as it was written. Each has our message as `whole`.
"""

from collections.abc import Iterable
from typing import Any

from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipCSeq import SipCSeq
from sippy.SipExpires import SipExpires
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRecordRoute import SipRecordRoute
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.SipVia import SipVia

from voice_sipapp.octets import readable
from voice_sipapp.plan.sipuri import SipUri, SipUriError
from voice_sipapp.signalling.ladder import redacted
from voice_sipapp.signalling.sip import grammar
from voice_sipapp.signalling.sip.grammar import Address, Via
from voice_sipapp.signalling.sip.headers import header
from voice_sipapp.signalling.sip.message import Message
from voice_sipapp.signalling.sip.refusals import DEFAULT_PORT, Source, received

_CHALLENGES = ("www-authenticate", "proxy-authenticate")
_READ = frozenset({
    "via", "from", "to", "call-id", "cseq", "contact", "record-route", "expires", "max-forwards", "content-length",
    "content-type", "route", "also", "refer-to", *_CHALLENGES,
})  # fmt: skip
"""Header fields that the stack gets as values of its own, or not at all: it would act upon Also and Refer-To."""

_LONGEST_EXPIRES = 2**32 - 1


class Url(SipURL):  # type: ignore[misc]  # the stack is untyped
    """`uri` as the stack's, which leaves as it was written, without what has no place in a request's first line."""

    def __init__(self, uri: SipUri) -> None:
        # What the stack would fill in is what the classes of it that are made here have by default: several are made
        # for each message.
        self.uri = target = uri.as_request_uri
        self.scheme, self.username, self.transport = target.scheme, target.user, target.transport
        self.host, self.port = target.host, target.port
        self.other: list[str] = []
        self.userparams: list[str] = []
        if target.parameters:
            self.maddr, self.lr = target.parameter("maddr"), target.loose
        self._address = self.maddr or target.host, target.address[1]

    def localStr(self, local_addr: Any = None) -> str:  # noqa: ANN401
        """Its text."""
        return self.uri.text

    def getCopy(self) -> "Url":
        """Another one like it."""
        return Url(self.uri)

    def getAddr(self) -> Source:
        """Where requests to it go; a host that is "" tells nothing."""
        return self._address


def own_contact(party: SipUri, config: dict[str, Any]) -> SipContact:
    """The Contact of `party`, who is at the address and port that the stack's `config` has: the user as it was written,
    since the stack leaves a "#" as it is, which no user may have in it, and drops the parameters of a telephone number.
    """
    where = f"{party.user_text}@" if party.user_text else ""
    url = Url(SipUri.parse(f"sip:{where}{config['_sip_address']}:{config['_sip_port']}"))
    return SipContact(address=SipAddress(url=url, hadbrace=True))


class _Elsewhere(SipURL):  # type: ignore[misc]
    """A URI that no request is sent to, of whatever scheme."""

    def __init__(self, text: str) -> None:
        super().__init__(host="")
        self._text = text

    def localStr(self, local_addr: Any = None) -> str:  # noqa: ANN401
        return self._text

    def getCopy(self) -> "_Elsewhere":
        return _Elsewhere(self._text)


class Party(SipAddress):  # type: ignore[misc]
    """The far end as we call it: the address of `url`. Its tag, which it may lack (RFC 2543), is added once known."""

    def __init__(self, url: Url, params: dict[str, str | None] | None = None) -> None:
        super().__init__(url=url, params=params or {}, params_order=list(params or {}))

    def setParam(self, name: str, value: str | None = None) -> None:
        """Add that parameter, or change it; one that is empty is none."""
        if value != "":
            super().setParam(name, value)

    def getCopy(self) -> "Party":
        """Another one like it."""
        return Party(self.url.getCopy(), dict(self.params))


class _Written(SipAddress):  # type: ignore[misc]
    """An address that leaves as it was written, with what the stack adds to it."""

    def __init__(self, text: str, read: Address, url: SipURL) -> None:
        self.name, self.url, self.hadbrace = read.display, url, True
        self.params: dict[str, str | None] = dict(read.parameters)
        self._text = text

    def localStr(self, local_addr: Any = None) -> str:  # noqa: ANN401
        return self._text

    def setParam(self, name: str, value: str | None = None) -> None:
        given = {**self.params, name: value}
        if name not in self.params:
            self._text += _joined({name: value})
        elif value != self.params[name]:  # a far end that changes its tag
            display = "" if self.name is None else f'"{self.name}" '
            self._text = f"{display}<{self.url}>{_joined(given)}"
        self.params = given

    def getCopy(self) -> "_Written":
        return _Written(self._text, Address("", self.name, tuple(self.params.items())), self.url.getCopy())


def _joined(parameters: dict[str, str | None]) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters.items())


class _Via(SipVia):  # type: ignore[misc]
    """A Via that leaves as it was written. `source`: where its request came from, of the topmost one alone."""

    def __init__(self, text: str, read: Via, source: Source | None) -> None:
        self.parsed = True
        self._text, self._read, self._source = text if source is None else received(text, read, source), read, source
        self.sipver, self.transport, self.hostname, self.port = read.protocol, read.transport, read.host, read.port
        self.params = dict(read.parameters)

    def localStr(self, local_addr: Any = None) -> str:  # noqa: ANN401
        return self._text

    def getCopy(self) -> "_Via":
        made = _Via(self._text, self._read, None)
        made._source = self._source
        return made

    def getTAddr(self) -> Source:
        """Where answers go: to where the request came from, whatever is written into it (`refusals.hop`)."""
        if self._source is None:
            return self.hostname, self.port or DEFAULT_PORT
        return self._source if "rport" in self.params else (self._source[0], self.port or DEFAULT_PORT)


class Request(SipRequest):  # type: ignore[misc]
    """The request `whole`, which came from `source` and whose body describes the session as `description`."""

    def __init__(self, whole: Message, source: Source, description: str) -> None:
        SipMsg.__init__(self)
        self.whole = whole
        self.method, self.sipver, self.ruri = whole.method, "SIP/2.0", _url(whole.uri.text if whole.uri else "")
        self.body = MsgBody(description) if description else None
        texts = [each for value in whole.all("via") for each in grammar.elements(value)]
        vias = zip(texts, whole.vias, [source, *[None] * len(texts)], strict=False)
        self.headers = [
            *(SipHeader(name="via", body=_Via(text, read, where)) for text, read, where in vias),
            *_common(whole, _targets(whole, source), [_route(each) for each in whole.routes]),
        ]

    def genResponse(self, code: int, *what: Any, **more: Any) -> Any:  # noqa: ANN401
        """An answer to it; a 100 repeats its Timestamp (section 8.2.6.1)."""
        made = super().genResponse(code, *what, **more)
        if code == 100:
            made.appendHeaders([header("Timestamp", each) for each in self.whole.all("timestamp")])
        return made


class Response(SipResponse):  # type: ignore[misc]
    """The answer `whole`, whose body describes the session as `description`. Beyond 2xx it has no Contact and no
    Record-Route: the stack would send the ACK of a 3xx to where that points, and it belongs to the very same place as
    the INVITE (section 17.1.1.3). `tag` is that of From as we sent it, None where we sent no such request: what an
    answer belongs to its Via says (section 17.1.3), and one of RFC 2543 has no tag.
    """

    def __init__(self, whole: Message, description: str, tag: str | None = None) -> None:
        SipMsg.__init__(self)
        self.whole = whole
        self.scode, self.sipver, self.reason = whole.code, "SIP/2.0", redacted(readable(whole.reason or ""))
        self.body = MsgBody(description) if description else None
        leads = whole.code < 300
        self.headers = [
            SipHeader(name="via", body=_Via("", whole.vias[0], None)),
            *_common(whole, _usable(whole) if leads else [], [_route(each) for each in whole.routes] if leads else []),
        ]
        if tag is not None:
            self.getHFBody("from").setTag(tag)


def _common(whole: Message, targets: list[Url], routes: list[SipAddress]) -> Iterable[Any]:
    from_, to = whole.all("from")[0], whole.all("to")[0]
    named = _Written(to, whole.to, _url(whole.to.uri))
    if 200 <= whole.code < 300 and named.getParam("tag") is None:
        named.params["tag"] = ""  # of RFC 2543 (section 12.1.2): the stack asks for one
    yield from (SipHeader(name="record-route", body=SipRecordRoute(address=each)) for each in routes)
    yield SipHeader(name="from", body=SipFrom(address=_Written(from_, whole.from_, _url(whole.from_.uri))))
    yield SipHeader(name="to", body=SipTo(address=named))
    yield SipHeader(name="call-id", body=SipCallId(whole.call_id))
    yield SipHeader(name="cseq", body=SipCSeq(cseq=whole.number, method=whole.method))
    yield from (SipHeader(name="contact", body=SipContact(address=SipAddress(url=each))) for each in targets)
    for name, value in whole.headers:
        if name not in _READ:
            yield header(name, value)
        elif name in _CHALLENGES:
            yield SipHeader(name=name, bodys=value)
        elif name == "expires" and value.isascii() and value.isdecimal() and int(value[:11]) <= _LONGEST_EXPIRES:
            yield SipHeader(name=name, body=SipExpires(number=int(value)))


def _url(text: str) -> SipURL:
    try:
        return Url(SipUri.parse(text))
    except SipUriError:
        return _Elsewhere(text)


def _targets(whole: Message, source: Source) -> list[Url]:
    """Where requests to whoever sent the request `whole` go (section 12.1.1). One who names no Contact (RFC 2543) is
    called as it calls itself, or else at `source`.
    """
    if whole.method not in ("INVITE", "UPDATE"):
        return []
    if whole.contacts or whole.method != "INVITE":
        return [Url(SipUri.parse(each.uri)) for each in whole.contacts]
    try:
        return [Url(SipUri.parse(whole.from_.uri))]
    except SipUriError:
        return [Url(SipUri.parse(f"sip:{source[0]}:{source[1]}"))]


def _usable(whole: Message) -> list[Url]:
    """Contacts of an answer; bindings at a registrar are none to send to."""
    found: list[Url] = []
    if whole.method == "REGISTER":
        return found
    for each in whole.contacts:
        try:
            found.append(Url(SipUri.parse(each.uri)))
        except SipUriError:
            continue
    return found


def _route(read: Address) -> SipAddress:
    """The Record-Route `read`."""
    names = [name for name, _ in read.parameters]
    return SipAddress(url=Url(SipUri.parse(read.uri)), params=dict(read.parameters), params_order=names)
