"""URIs by their grammar (RFC 3261, section 25.1; RFC 3966; RFC 4694), valid ones and others.

The tables are held against the API server, the SIP application and the operator alike. The strategies are written from
the ABNF, rule by rule, and know nothing of any of the three.
"""

from string import ascii_letters, digits, hexdigits

from hypothesis import strategies as st

LONGEST = 255
"""Characters of a URI that a VoiceProbe may hold."""

PARTIES = [
    # users
    "sip:probe-1@voice.example.net",
    "sip:%2B442071838750@sbc.example",
    "sip:*21%23@sbc.example",
    "sip:%C3%BCber%20uns@sbc.example",
    "sip:a%40b@sbc.example",
    "sip:-_.!~*'()&=+$,;?/@sbc.example",
    "sip:;x@sbc.example",
    "sip:alice;day=tuesday@atlanta.example",
    "sip:o'brien?x;y=z@sbc.example",
    "sip:1@sbc.example",
    # telephone parameters in the user
    "sip:+442071838750;npdi;rn=+442071838000;cic=+1-222@sbc.example",
    "sip:+442071838750;rn=2071838000;rn-context=+44@sbc.example;user=phone",
    "sip:+442071838750;ext=7042@sbc.example;user=phone",
    "sip:+44-20-7183.8750;isub=12@sbc.example;user=phone",
    "sip:7042;phone-context=example.net@sbc.example",
    "sip:7042;phone-context=+44@sbc.example;user=phone",
    "sip:+4420;tgrp=a;trunk-context=b.example@sbc.example",
    # hosts
    "sip:a@h",
    "SIP:A@SBC.EXAMPLE",
    "SiPs:a@h.",
    "sip:a@3com.example",
    "sip:a@1.2.3.4.example",
    "sip:a@a-b--c.x1-2",
    "sip:a@xn--bcher-kva.example",
    "sip:a@xn--bcher-kva.xn--p1ai",
    "sip:a@_sip._udp.sbc_1.example.net",
    "sip:a@" + "a" * 63 + ".example",
    "sip:a@192.0.2.10",
    "sip:a@255.255.255.255:65535",
    "sip:a@0.0.0.0.example",
    "sip:a@[2001:db8::1]",
    "sip:a@[2001:DB8::1]:5060",
    "sip:a@[::1]",
    "sip:a@[1::]",
    "sip:a@[1:2:3:4:5:6:7:8]",
    "sip:a@[1:2:3:4:5:6:7::]",
    "sip:a@[::2:3:4:5:6:7:8]",
    "sip:a@[0000:0:0:0:0:0:0:0001]",
    "sip:a@[::ffff:192.0.2.10]",
    "sip:a@[64:ff9b::192.0.2.33]",
    "sip:a@[1:2:3:4:5:6:192.0.2.1]:5080",
    # ports
    "sip:a@h:1",
    "sip:a@h:05060",
    "sip:a@h:0000005060",
    "sip:a@h:65535",
    # parameters
    "sip:a@h;transport=udp",
    "sip:a@h:5061;transport=TLS",
    "sip:a@h;Transport=tcp",
    "sips:a@h;transport=tcp",
    "sip:a@h;user=phone;lr",
    "sip:a@h;lr=on",
    "sip:a@h;method=INVITE",
    "sip:a@h;maddr=192.0.2.1;ttl=15",
    "sip:a@[2001:db8::1]:5060;maddr=[2001:db8::2]",
    "sip:a@h;x=[a]/:&+$-_.!~*'()%20",
    "sip:a@h;%6c%72;x%20y",
    "sip:a;lr=x@h;lr",
    "sip:a;transport=tcp;method=BYE@h;transport=tcp",
    "sip:" + "a" * (LONGEST - 6) + "@h",
    # telephone numbers in full
    "tel:+442071838750",
    "TEL:+44-20-7183-8750",
    "tel:+44(20)7183.8750",
    "tel:+-4",
    "tel:+442071838750;ext=70-42",
    "tel:+442071838750;isub=12/a?b:c&d",
    "tel:+442071838750;isub=a@b,c=d",
    "tel:+442071838750;isub=[a]",
    "tel:+442071838750;npdi;rn=+442071838000;cic=+1-222",
    "tel:+442071838750;x=[a]:b",
    # and local ones
    "tel:7042;phone-context=acme.example",
    "tel:7042;phone-context=+44",
    "tel:7042;PHONE-CONTEXT=+44-20",
    "tel:*21#;phone-context=+44",
    "tel:*21%23;phone-context=+44",
    "tel:7042;ext=1;phone-context=acme.example.;x=y",
    "tel:aBcDeF;phone-context=a-1.example",
    "tel:7042;phone-context=3com.example",
]
"""Of a dialer, of a receiver, of whom is called: valid, and callable."""

SERVERS = [
    "sip:pbx.example.net",
    "sip:pbx.example.net:5061;transport=tls",
    "sips:[2001:db8::1]",
    "sip:192.0.2.10:5070;lr",
    "SIP:edge@pbx.example.net;lr",
    "sip:pbx.example.net.:05060",
]
"""Of an outbound proxy, of a registrar."""

BARE, SCHEME, ESCAPE = "must be a bare URI", "must begin with sip:", "each % must be followed by two hexadecimal digits"
USER, PLAIN, IN_USER = "must name a user", "must hold neither a password", "the user before the @ may hold"
HOST, PORT, PARAMETER = "must name a host", "a port is a number from 1 to 65535", "what follows the host"
TWICE, METHOD = "may stand there once only", "a call is always an INVITE"
NUMBER, CONTEXT, OF_NUMBER = "must be a number in full", "needs its context", "what follows the number"

WRONG_SERVERS = {
    # text: what is said of it
    "": SCHEME,
    "192.0.2.10": SCHEME,
    "pbx.example.net:5060": SCHEME,
    "mailto:a@b": SCHEME,
    "sip.pbx": SCHEME,
    " sip:h": BARE,
    "sip:h ": BARE,
    "sip:h\n": BARE,
    "sip:h\nVia: elsewhere": BARE,
    "sip:h\tx": BARE,
    "sip:h\x00": BARE,
    "<sip:h>": BARE,
    "sip:büro.example": BARE,
    "sip:h\\x": BARE,
    "sip:": HOST,
    "sip:;lr": HOST,
    "sip:h..x": HOST,
    "sip:.h": HOST,
    "sip:h-": HOST,
    "sip:-h": HOST,
    "sip:h.-x": HOST,
    "sip:" + "a" * 64 + ".example": HOST,
    "sip:h%2E": HOST,
    "sip:h/x": HOST,
    "sip:h&x": HOST,
    "sip:1": HOST,
    "sip:1.2.3": HOST,
    "sip:1.2.3.4.5": HOST,
    "sip:192.0.2.256": HOST,
    "sip:192.0.2.010": HOST,
    "sip:0x7f000001": HOST,
    "sip:127.0x1": HOST,
    "sip:192.0.2.1.": HOST,
    "sip:pbx.1": HOST,
    "sip:pbx.3com": HOST,
    "sip:2001:db8::1": HOST,
    "sip:[192.0.2.1]": HOST,
    "sip:[]": HOST,
    "sip:[1]": HOST,
    "sip:[1::2::3]": HOST,
    "sip:[1:2:3:4:5:6:7]": HOST,
    "sip:[1:2:3:4:5:6:7:8:9]": HOST,
    "sip:[::12345]": HOST,
    "sip:[::1": HOST,
    "sip:[fe80::1%25eth0]": HOST,
    "sip:[::192.0.2.256]": HOST,
    "sip:[::1]x": HOST,
    "sip:fe80::1": PORT,
    "sip:h:": PORT,
    "sip:h:0": PORT,
    "sip:h:000": PORT,
    "sip:h:65536": PORT,
    "sip:h:99999": PORT,
    "sip:h:123456": PORT,
    "sip:h:-1": PORT,
    "sip:h:sip": PORT,
    "sip:h: 5060": BARE,
    "sip:[::1]:0": PORT,
    "sip:h;": PARAMETER,
    "sip:h;;lr": PARAMETER,
    "sip:h;ttl=": PARAMETER,
    "sip:h;=x": PARAMETER,
    "sip:h;a=b=c": PARAMETER,
    "sip:h;a=#": PARAMETER,
    "sip:h;a,b": PARAMETER,
    "sip:h;transport=tcp;transport=tls": TWICE,
    "sip:h;Transport=tcp;lr;TRANSPORT=tcp": TWICE,
    "sip:h;lr;lr": TWICE,
    "sip:h;lr;x=y;lr=on": TWICE,
    "sip:h;method=REGISTER": METHOD,
    "sip:h;lr;Method=INVITED": METHOD,
    "sip:h?Subject=x": PLAIN,
    "sip:h?": PLAIN,
    "sip:user:secret@h": PLAIN,
    "sip:a%2@h": ESCAPE,
    "sip:a%@h": ESCAPE,
    "sip:a%zz@h": ESCAPE,
    "sip:h;x=%": ESCAPE,
    "sip:a#b@h": IN_USER,
    "sip:[a]@h": IN_USER,
    "sip:@h": IN_USER,
    "sip:a@b@h": IN_USER,
}

WRONG_PARTIES = {
    "+442071838750": SCHEME,
    "agent-7": SCHEME,
    "sip": SCHEME,
    '"X" <sip:x@h>': BARE,
    "X <sip:x@h>": BARE,
    "<sip:x@h>;tag=1": BARE,
    "sip:a b@h": BARE,
    "sip:zoë@h": BARE,
    "sip:通話@h": BARE,
    'sip:"a"@h': BARE,
    "sip:a^b@h": BARE,
    "sip:voice.example": USER,
    "sip:voice.example:5060": USER,
    "sip:[::1]": USER,
    "sip:@h": IN_USER,
    "sip:PBX#1000@h": IN_USER,
    "sip:*21#@h": IN_USER,
    "sip::pw@h": PLAIN,
    "sip:user:@h": PLAIN,
    "sip:user:secret@h": PLAIN,
    "sip:a@h?Subject=x": PLAIN,
    "sip:a@h;lr?Subject=x&Route=%3Csip:x%3E": PLAIN,
    "sip:a@": HOST,
    "sip:a@:5060": HOST,
    "sip:x@h..": HOST,
    "sip:a;b@1.2.3": HOST,
    "sip:x@010.0.0.1": HOST,
    "sip:a;b@h:0": PORT,
    "sip:a;b@h;": PARAMETER,
    "sip:a@h;user=phone;USER=ip": TWICE,
    "sip:a@h;method=BYE": METHOD,
    "tel:": NUMBER,
    "tel:+": NUMBER,
    "tel:+-()": NUMBER,
    "tel:-.()": NUMBER,
    "tel:+44a": NUMBER,
    "tel:+44*21": NUMBER,
    "tel:++44": NUMBER,
    "tel:4+4;phone-context=+44": NUMBER,
    "tel:agent;phone-context=+44": NUMBER,
    "tel:+44@sbc.example": NUMBER,
    "tel:+44 20 7183 8750": BARE,
    "tel:7042": CONTEXT,
    "tel:442071838750": CONTEXT,
    "tel:7042;phone-context=": CONTEXT,
    "tel:7042;phone-context=+": CONTEXT,
    "tel:7042;phone-context=a_b.": CONTEXT,
    "tel:7042;phone-context=192.0.2.1": CONTEXT,
    "tel:7042;phone-context=44": CONTEXT,
    "tel:7042;x=phone-context=+44": CONTEXT,
    "tel:+44;": OF_NUMBER,
    "tel:+44;;npdi": OF_NUMBER,
    "tel:+44;ext=": OF_NUMBER,
    "tel:+44;=x": OF_NUMBER,
    "tel:+44;a_b": OF_NUMBER,
    "tel:+44;x=#": OF_NUMBER,
    "tel:+44;x=a@b": OF_NUMBER,
    "tel:+44?Subject=x": NUMBER,
    "tel:+4%34": NUMBER,
    "tel:+44;x=%2": ESCAPE,
    "tel:+44;ext=1;ext=2": TWICE,
    "tel:7042;phone-context=+44;Phone-Context=+49": TWICE,
}
"""Neither is callable; what is wrong with it is said."""

# --- the ABNF, rule by rule (names as in the RFCs) ---

_MARK = "-_.!~*'()"
_ALPHANUM = ascii_letters + digits


def _joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def _any_case(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([text, text.upper(), text.capitalize()])


_escaped = st.text(hexdigits, min_size=2, max_size=2).map("%{}".format)


def _some(alphabet: str, longest: int = 12) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(alphabet) | _escaped, min_size=1, max_size=longest).map("".join)


_label = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9]{0,20}[A-Za-z0-9])?", fullmatch=True)
_toplabel = st.from_regex(r"[A-Za-z]([-A-Za-z0-9]{0,20}[A-Za-z0-9])?", fullmatch=True)
_hostname = _joined(st.lists(_label.map("{}.".format), max_size=3).map("".join), _toplabel, st.sampled_from(["", "."]))
_ipv4 = st.ip_addresses(v=4).map(str)
_pieces = st.lists(st.from_regex(r"[0-9A-Fa-f]{1,4}", fullmatch=True), min_size=8, max_size=8)


@st.composite
def _ipv6(draw: st.DrawFn) -> str:
    """RFC 3986's, which RFC 5954 puts in the place of RFC 3261's: "::" once, for one group or more."""
    pieces = draw(_pieces)
    tail = draw(st.none() | _ipv4)
    if tail is not None:
        pieces[6:] = [tail]
    gap = draw(st.none() | st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted))
    if gap is None:
        return f"[{':'.join(pieces)}]"
    first, last = gap[0], max(gap[0] + 1, gap[1])
    last = min(last, len(pieces) - (tail is not None))
    if first >= last:
        return f"[{':'.join(pieces)}]"
    return f"[{':'.join(pieces[:first])}::{':'.join(pieces[last:])}]"


_host = _hostname | _ipv4 | _ipv6()
_port = st.tuples(st.integers(0, 3), st.integers(1, 65535)).map(lambda each: ":" + "0" * each[0] + str(each[1]))
_paramchar = _ALPHANUM + _MARK + "[]/:&+$"
_other = _joined(_some(_paramchar), st.just("") | _some(_paramchar).map("={}".format)).filter(
    lambda text: text.split("=")[0].lower() not in ("method", "transport")
)
_known = st.sampled_from(
    [
        "transport=udp",
        "TRANSPORT=Tcp",
        "transport=tls",
        "user=phone",
        "method=INVITE",
        "ttl=255",
        "lr",
        "maddr=192.0.2.1",
    ]
)


def _name(parameter: str) -> str:
    return parameter.partition("=")[0].lower()


def _parameters(one: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(one, max_size=4, unique_by=_name)
    return some.map(lambda each: "".join(f";{parameter}" for parameter in each))


_hostport = _joined(_host, st.just("") | _port, _parameters(_known | _other))
_phonedigit = digits + "-.()"
_global = st.from_regex(r"\+[-.()]{0,2}[0-9][-.()0-9]{0,18}", fullmatch=True)
_local = st.from_regex(r"[-.()]{0,2}[0-9A-Fa-f*#][-.()0-9A-Fa-f*#]{0,18}", fullmatch=True)
_par = st.one_of(
    st.text(_phonedigit, min_size=1, max_size=8).map("ext={}".format),
    _some(_ALPHANUM + _MARK + "/?:@&=+$,").map("isub={}".format),
    _joined(
        st.text(_ALPHANUM + "-", min_size=1, max_size=8).filter(lambda n: n.lower() not in ("isub", "phone-context")),
        st.just("") | _some(_paramchar).map("={}".format),
    ),
    st.sampled_from(["npdi", "rn=+442071838000", "cic=+1-222", "rn=2071;rn-context=+44"]),
)
_context = _joined(_any_case(";phone-context"), st.just("="), _hostname | _global)
numbers = _joined(
    _any_case("tel:"), _joined(_global, _parameters(_par)) | _joined(_local, _parameters(_par), _context)
).filter(lambda text: len(text) <= LONGEST)
_user = _some(_ALPHANUM + _MARK + "&=+$,;?/")
_subscriber = _joined(
    _global, _parameters(st.sampled_from(["npdi", "rn=+4420", "ext=7", "isub=1", "phone-context=a.b"]))
)
_scheme = _any_case("sip:") | _any_case("sips:")

parties = (_joined(_scheme, _user | _subscriber, st.just("@"), _hostport) | numbers).filter(lambda t: len(t) <= LONGEST)
servers = _joined(_scheme, st.just("") | _user.map("{}@".format), _hostport).filter(lambda t: len(t) <= LONGEST)


@st.composite
def nearly(draw: st.DrawFn, valid: st.SearchStrategy[str]) -> str:
    """A URI that one or two slips of the pen have gone over: valid still, or not."""
    text = draw(valid)
    for _ in range(draw(st.integers(1, 2))):
        at, cut = draw(st.integers(0, len(text))), draw(st.integers(0, 2))
        slip = draw(st.sampled_from(["", *'@:;=?#[]%.<>" \n\t0/9-_+*x\\&,é', "::", "..", ";lr", "%2", ":0", "@h"]))
        text = text[:at] + slip + text[at + cut :]
    return text[:LONGEST]
