"""The lab's SIP host can be used with the examples that the demo applies."""

from __future__ import annotations

from pathlib import Path

import yaml

from voice_lab import sbc
from voice_lab.context import Lab
from voice_lab.services import sip_host
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import credentials

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_its_credentials_are_for_the_clients_and_hosts_of_the_examples_that_name_them(tmp_path: Path):
    path = tmp_path / "credentials.toml"
    path.touch(0o600)
    path.write_text(sip_host._credentials(Lab("unit", {}, {"trunk": "one", "agents": "two"})))
    known = credentials.load(str(path))
    probe = yaml.safe_load((EXAMPLES / "acme-secure.yaml").read_text())
    for party, hop in (("dialer", "outboundProxy"), ("receiver", "registrar")):
        spec = probe["spec"][party]
        found = known.get(spec["credentials"], probe["metadata"]["namespace"])
        found.refuse_host(SipUri.parse(spec[hop]).host)
        found.refuse_realm(sbc.REALM)
