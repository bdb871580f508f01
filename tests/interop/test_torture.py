"""The requests of RFC 4475 (torture tests), one by one, by their names there: each comes to the receiver.

What is valid is taken as such: a call of ours is answered, another one is refused for a reason of the plan (486, 481, or
405 and 501 for what is no receiver's business), never for its grammar. What is not gets the answer that the RFC
recommends, the reason in the log, and a place in the count. After each, the next ordinary call works.
"""

# ruff: noqa: E501 - a line of a message is one line
from __future__ import annotations

import pytest

from tests.interop.scripted import QUIET
from tests.interop.torture import Outcome, Torture, ask_each, check, folded, of_ours
from tests.interop.wires import SDP, header, request

pytestmark = QUIET

LONG = "very-" * 30 + "long"
NOT_ALLOWED = (b"SIP/2.0 405 Method Not Allowed\r\n", b"\r\nAllow: INVITE, ")
"""To one who takes us for a registrar, or a mailbox (RFC 4475, section 3.3.7; RFC 3261, section 8.2.1)."""

VALID: dict[str, Torture] = {
    "wsinv": Torture("3.1.1.1", folded(
        r"""
INVITE sip:agent@sip.example.net;whatever SIP/2.0
TO :
 sip:agent@sip.example.net ;   tag    = 4711n
from   : "A \\\""       <sip:a@example.com>
  ;
  tag = 98a
MaX-fOrWaRdS: 0068
Call-ID: wsinv.1@client.example.com
Content-Length   : @length
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    [::1]:@port;branch=39z
s :
NobodysHeader:   a value
 that goes on
ValueOfNoGrammar: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:edge.example.com;lr;unknown=value;unknown-too>
v:  SIP  / 2.0  / TCP     second.example.com   ;
  branch  =   z9hG4bK9  ,
 SIP  /    2.0   / UDP  192.0.2.111   ; branch=
 z9hG4bK30
m:"Quoted \"\"" <sip:a@example.com> ; new =
      value ;
  other ; q = 0.33
""", SDP), 481),
    "intmeth": Torture("3.1.1.2", folded(
        r"""
!odd-Method0123456789_*+`.%indeed'~ sip:1_odd.URI~(to-be!sure)&isn't+it$/mad?,/;;*:&it+has=1,odd!*pas$wo~d_too.(doesn't-it)@[::1] SIP/2.0
Via: SIP/2.0/UDP [::1]:@port;branch=z9hG4bK-.!%66*_+`'~
To: "BEL:\"""" + "\a NUL:\\\0 DEL:\\\x7f" + r"""" <sip:1_odd.URI~(to-be!sure)&isn't+it$/mad?,/;;*@example.com>
From: token1~` token2'+_ token3*%!.- <sip:a@example.com> ;fromParam''~+*_!.-%="работающий";tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{
CSeq: 139122385 !odd-Method0123456789_*+`.%indeed'~
Max-Forwards: 255
odd-Header-!.%*+_`'~: 大停電
Content-Length: 0
"""), 501),
    "esc01": Torture("3.1.1.3", of_ours(
        uri="sip:sips%3Auser%40example.com@example.net", To="To: sip:%75se%72@example.com", From="From: <sip:I%20have%20spaces@example.net>;tag=93",
        Contact="Contact: <sip:cal%6Cer@[::1]:@port;%6C%72;n%61me=v%61lue%25%34%31>",
    ), 200),
    "escnull": Torture("3.1.1.4", request("REGISTER", "Contact: <sip:%00%00@[::1]>", To="To: sip:null-%00-null@example.com", From="From: sip:null-%00-null@example.com;tag=8", Contact="Contact: <sip:%00@[::1]>"), 405, NOT_ALLOWED),
    "esc02": Torture("3.1.1.5", request("RE%47IST%45R", To='To: "%Z%45" <sip:a@example.com>', From='From: "%Z%45" <sip:a@example.com>;tag=f2', Contact="Contact: <sip:alias1@[::1]>, <sip:alias%32@[::1]>;expires=%33"), 501),
    "lwsdisp": Torture("3.1.1.6", request("OPTIONS", From="From: caller<sip:caller@example.com>;tag=323"), 200, (b"\r\nAllow: ",)),
    "longreq": Torture("3.1.1.7", of_ours(
        *(f"Via: SIP/2.0/TCP sip{number}.example.com" for number in range(33, 0, -1)), f"{LONG}-Header: {LONG} {LONG}",
        uri=f"sip:user@[::1];{LONG}=a;x={LONG}", To=f'To: "I have a user name of {LONG} proportion" <sip:user@[::1]:6000;p1={LONG}>',
        From=f"From: sip:{LONG}@example.net;tag=12{LONG}424;p2={LONG}", Call_ID=f"Call-ID: longreq.{LONG}{LONG}", Via=f"Via: SIP/2.0/UDP [::1]:@port;branch=z9hG4bK{LONG}",
        Contact=f"Contact: <sip:{LONG}@[::1]:@port>",
    ), 200),
    "dblreq": Torture("3.1.1.8", request("REGISTER") + request("INVITE"), 405, NOT_ALLOWED),
    "semiuri": Torture("3.1.1.9", request("OPTIONS", uri="sip:user;par=u%40example.net@[::1]"), 200),
    "transports": Torture("3.1.1.10", request("OPTIONS", *(f"Via: SIP/2.0/{name} t{name}.example.com;branch=z9hG4bK{name}" for name in ("UDP", "SCTP", "TLS", "UNKNOWN", "TCP"))), 200),
    "mpart01": Torture("3.1.1.11", request("MESSAGE", 'Content-Type: multipart/mixed;boundary=7a9', body=b"--7a9\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n\x30\x82\r\n\0\xff\r\n--7a9--\r\n"), 405, NOT_ALLOWED),
}  # fmt: skip

INVALID: dict[str, Torture] = {
    "badinv01": Torture("3.1.2.1", of_ours(Via="Via: SIP/2.0/UDP [::1]:@port;;,;,,", Contact='Contact: "Joe" <sip:joe@example.org>;;;;'), 400, reason="is no parameter"),
    "clerr": Torture("3.1.2.2", of_ours(Length="Content-Length: 9999"), 400, reason="octets of body came"),
    "ncl": Torture("3.1.2.3", of_ours(Length="Content-Length: -999"), 400, reason="is no Content-Length"),
    "scalar02": Torture("3.1.2.4", request("REGISTER", "Expires: 10000000000000000000000000000", CSeq="CSeq: 36893488147419103232 REGISTER", Max_Forwards="Max-Forwards: 300", Contact="Contact: <sip:a@[::1]>;expires=280297596632815"), 400, reason="is no CSeq"),
    "quotbal": Torture("3.1.2.6", of_ours(To='To: "Mr. J. User <sip:j.user@example.com>'), 400, reason="is no address"),
    "ltgtruri": Torture("3.1.2.7", of_ours(uri="<sip:user@[::1]>"), 400, reason="which is no URI"),
    "lwsruri": Torture("3.1.2.8", of_ours(uri="sip:user@[::1]; lr"), 400, reason="which is no URI"),
    # The RFC leaves it to us whether these are refused: each means one thing, and is taken for it.
    "lwsstart": Torture("3.1.2.9", of_ours().replace(b"INVITE sip", b"INVITE  sip", 1).replace(b" SIP/2.0\r\n", b"  SIP/2.0\r\n", 1), 200),
    "trws": Torture("3.1.2.10", request("OPTIONS").replace(b" SIP/2.0\r\n", b" SIP/2.0  \r\n", 1), 200),
    "escruri": Torture("3.1.2.11", of_ours(uri="sip:user@[::1]?Route=%3Csip:example.com%3E"), 200),
    "baddate": Torture("3.1.2.12", of_ours("Date: Fri, 01 Jan 2010 16:00:00 EST"), 200),
    "regbadct": Torture("3.1.2.13", request("REGISTER", Contact="Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"), 400, reason="is no address"),
    "badaspec": Torture("3.1.2.14", request("OPTIONS", To='To: "Watson, Thomas" < sip:t.watson@example.org >'), 200),
    "baddn": Torture("3.1.2.15", request("OPTIONS", From="From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43", To="To: Watson, Thomas <sip:t.watson@example.org>"), 200),
    "badvers": Torture("3.1.2.16", request("OPTIONS", Via="Via: SIP/7.0/UDP [::1]:@port;branch=z9hG4bK1").replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1), 505, (b"SIP/2.0 505 Version Not Supported\r\n",), "it is of SIP/7.0"),
    "mismatch01": Torture("3.1.2.17", request("OPTIONS", CSeq="CSeq: 8 INVITE"), 400, reason="its CSeq is of 'INVITE', and it is 'OPTIONS'"),
    "mismatch02": Torture("3.1.2.18", request("NEWMETHOD", CSeq="CSeq: 8 INVITE"), 400, reason="its CSeq is of 'INVITE', and it is 'NEWMETHOD'"),
}  # fmt: skip

TRANSACTIONS: dict[str, Torture] = {
    "badbranch": Torture("3.2.1", request("OPTIONS", Via="Via: SIP/2.0/UDP [::1]:@port;branch=z9hG4bK", Call_ID="Call-ID: badbranch.1"), 200),
    "badbranch, another one of the same branch": Torture("3.2.1", request("OPTIONS", Via="Via: SIP/2.0/UDP [::1]:@port;branch=z9hG4bK", Call_ID="Call-ID: badbranch.2"), 200, (b"Call-ID: badbranch.2\r\n",)),
}  # fmt: skip

APPLICATION: dict[str, Torture] = {
    "insuf": Torture("3.3.1", of_ours(From=None, To=None, Call_ID=None), 400, (b"CSeq: 1 INVITE\r\n",), "it has no From"),
    "unkscm": Torture("3.3.2", request("OPTIONS", uri="nobodyKnowsThisScheme:totallyopaquecontent"), 416, (b"SIP/2.0 416 Unsupported URI Scheme\r\n",), "it asks for"),
    "novelsc": Torture("3.3.3", request("OPTIONS", uri="soap.beep://192.0.2.103:3002"), 416, (b"SIP/2.0 416 Unsupported URI Scheme\r\n",), "it asks for"),
    "unksm2": Torture("3.3.4", request("REGISTER", To="To: isbn:2983792873", From="From: <http://www.example.com>;tag=32", Contact="Contact: <name:John_Smith>"), 405, NOT_ALLOWED),
    "bext01": Torture("3.3.5", request("OPTIONS", "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis", "Require: nothingSupportsThis, nothingSupportsThisEither"), 420, (b"\r\nUnsupported: nothingSupportsThis, nothingSupportsThisEither\r\n",), "it requires"),
    "invut": Torture("3.3.6", request("INVITE", "X-Voice-Call: @claim", "Content-Type: application/unknownformat", body=b"<audio>\r\n <pcmu port='443'/>\r\n</audio>\r\n"), 415, (b"\r\nAccept: application/sdp\r\n",), "must be understood"),
    "regaut01": Torture("3.3.7", request("REGISTER", "Authorization: NoOneKnowsThisScheme opaque-data=here"), 405, NOT_ALLOWED),
    "multi01": Torture("3.3.8", of_ours("CSeq: 59 INVITE", "Call-ID: multi01.other", "To: sip:user@example.com", "From: sip:other@example.net;tag=9", "Max-Forwards: 5"), 400, reason="it has more than one"),
    "mcl01": Torture("3.3.9", request("OPTIONS", "Content-Length: 5", Length="Content-Length: 13", body=b"There's no way"), 400, reason="contradict"),
    "zeromf": Torture("3.3.11", request("OPTIONS", Max_Forwards="Max-Forwards: 0"), 200),
    "cparam01": Torture("3.3.12", request("REGISTER", Contact="Contact: sip:+19725552222@[::1];unknownparam"), 405, NOT_ALLOWED),
    "cparam02": Torture("3.3.13", request("REGISTER", Contact="Contact: <sip:+19725552222@[::1];unknownparam>"), 405, NOT_ALLOWED),
    "regescrt": Torture("3.3.14", request("REGISTER", Contact="Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"), 405, NOT_ALLOWED),
    "sdp01": Torture("3.3.15", of_ours("Accept: text/nobodyKnowsThis"), 406, (b"SIP/2.0 406 Not Acceptable\r\n",), "no answer to it may describe the session"),
}  # fmt: skip

OLD: dict[str, Torture] = {
    "inv2543": Torture("3.4.1", of_ours(Via="Via: SIP/2.0/UDP [::1]:@port", From="From: <sip:+13035551111@ift.client.example.net;user=phone>", To="To: sip:+16505552222@ss1.example.net;user=phone", Contact=None, Max_Forwards=None, Length=None), 200),
}  # fmt: skip

ALL = VALID | INVALID | TRANSACTIONS | APPLICATION | OLD


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return ask_each(tmp_path_factory.mktemp("torture"), ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_request_of_rfc_4475_gets_what_it_is_due_and_the_next_call_works(came: dict[str, Outcome], name: str):
    check(ALL[name], came[name])


@pytest.mark.parametrize("name", [name for name in ALL if ALL[name].code != 400])
def test_its_answer_names_the_transaction_as_the_request_does(came: dict[str, Outcome], name: str):
    """RFC 3261, section 8.2.6.2: From, Call-ID, CSeq and the Vias as they came."""
    sent, answer = came[name].sent, came[name].final
    assert header(answer, b"Call-ID") == header(sent, b"Call-ID")
    assert answer.lower().count(b"sip/2.0/") + answer.count(b"SIP/7.0/") >= sent.count(b"SIP/2.0/") - 1


def test_what_the_request_lacked_is_not_made_up(came: dict[str, Outcome]):
    """insuf: the answer has what there was, and nothing else of those that it lacked."""
    assert not header(came["insuf"].final, b"Call-ID")
    assert not header(came["insuf"].final, b"From")
