#!/usr/bin/env bash
# sippy (PyPI, BSD-2-Clause), a SIP stack: which characters end a header line.
#
# Expected: CRLF alone (RFC 3261, section 7). Other control characters beyond ASCII, such as U+0085 or U+2028, are octets of
# UTF8-NONASCII, which a reason phrase and a comment in User-Agent may hold (section 25.1).
# Found: sippy 2.5.0 splits a message wherever Python's str.splitlines does, at U+0085, U+2028, VT, FF and others. What
# follows such a character is read as a header of its own: a 200 with one in the comment of its User-Agent raises an
# exception and is no answer, and with a space after it the text is taken for a folded line and the character is lost.
#
# Needs python3 >= 3.11 with venv. Exits with 1 if any of it is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/python -m pip --quiet --disable-pip-version-check install 'sippy==2.5.0'
cat >look.py <<'PYTHON'
import sys

from sippy.SipResponse import SipResponse

ANSWER = "\r\n".join((
    "SIP/2.0 200 OK", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1", "From: <sip:a@example.net>;tag=1",
    "To: <sip:b@example.net>;tag=2", "Call-ID: 1@192.0.2.1", "CSeq: 1 INVITE", "User-Agent: PBX ({})",
    "Content-Length: 0", "", "",
))


def read(comment):
    try:
        return str(SipResponse(ANSWER.format(comment)).getHFBody("user-agent"))
    except Exception as error:
        return type(error).__name__


seen = {name: read(comment) for name, comment in {
    "an accent": "B\u00e2timent nord", "U+0085": "Nord\u0085Sud", "U+2028": "Nord\u2028Sud", "U+0085, space": "Nord\u0085 Sud",
}.items()}
for name, text in seen.items():
    print(f"{name}: {text!r}")
raised = all(seen[name].isidentifier() for name in ("U+0085", "U+2028"))
sys.exit(0 if raised and seen["an accent"].endswith("nord)") and "\u0085" not in seen["U+0085, space"] else 1)
PYTHON
env/bin/python look.py || { echo "this is no longer so" >&2; exit 1; }
