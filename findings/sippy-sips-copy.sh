#!/usr/bin/env bash
# sippy (PyPI, BSD-2-Clause), a SIP stack: what a copy of a URI keeps of it.
#
# Expected: a copy is the same URI. Requests of a dialog go to the Contact that the far end gave (RFC 3261, section 12.2.1.1),
# of which sippy makes a copy; a sips: URI asks for TLS on every hop (section 26.2.2), and escapes in a user mean what they
# say (section 19.1.4: "%61" is "a", but "%2B" of a reserved character is another one than "+").
# Found: in sippy 2.5.0 SipURL.getCopy() makes "sip:" of "sips:". Without a copy, a URI is not written as it was read either:
# the user's escaped "+" becomes a plain one.
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

from sippy.SipURL import SipURL

seen = {text: (str(SipURL(text)), str(SipURL(text).getCopy())) for text in (
    "sips:agent@example.net", "sip:%2B442071838750@example.net",
)}
for text, (written, copied) in seen.items():
    print(f"{text}: written as {written}, a copy as {copied}")
sips, escaped = seen.values()
as_found = sips == ("sips:agent@example.net", "sip:agent@example.net") and escaped[0] == "sip:+442071838750@example.net"
sys.exit(0 if as_found else 1)
PYTHON
env/bin/python look.py || { echo "this is no longer so" >&2; exit 1; }
