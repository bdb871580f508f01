"""Configurations, each a choice or two apart from the example."""

from tests.integration.cdk.synthesised import EXAMPLE

BY_IPV4 = """
initech = { connection = "tunnel", gateway = "203.0.113.9", vpc = "10.32.0.0/16", sip_family = "ipv4", prefixes = [
  "192.0.2.128/26"] }
"""
"""One client more, for the end of the example: it speaks IPv4."""
TEXT = EXAMPLE.read_text()
ALLOWED = 'allowed = ["198.51.100.0/24", "2001:db8:ff1::/48"]'
TUNNEL = 'connection = "tunnel", gateway = "203.0.113.7"'
TRUNK_BY_IPV4 = """
hooli = { connection = "trunk", vpc = "10.33.0.0/16", sip_family = "ipv4", prefixes = ["198.51.100.64/26"] }
"""
ALIKE = """
umbrella = { connection = "trunk", vpc = "10.34.0.0/16", prefixes = ["2001:db8:60be::/48"] }
hooli = { connection = "tunnel", gateway = "203.0.113.9", vpc = "10.33.0.0/16", sip_family = "ipv4", prefixes = [
  "192.168.0.0/24"] }
initech = { connection = "tunnel", gateway = "203.0.113.9", vpc = "10.32.0.0/16", sip_family = "ipv4", prefixes = [
  "192.168.0.0/24"] }
"""
"""One carrier's prefix for two trunks, and one gateway and one private prefix for two tunnels."""
NATIVE = TEXT.replace('db_access = "nat64"', 'db_access = "native"')
CONFIGURATIONS = {
    "nat64": TEXT,
    "managed": TEXT.replace('db_access = "nat64"', 'db_access = "managed"'),
    "native": NATIVE,
    "own": TEXT.replace('nat64_prefix = "well-known"', 'nat64_prefix = "own"'),
    "three": TEXT + BY_IPV4,
    "trunks": TEXT.replace(TUNNEL, 'connection = "trunk"') + TRUNK_BY_IPV4,
    "native trunks": NATIVE.replace(TUNNEL, 'connection = "trunk"') + TRUNK_BY_IPV4,
    "alike": TEXT + ALIKE,
    "zones": TEXT.replace('"eu-west-1b"]', '"eu-west-1b", "eu-west-1c"]'),
    "open": TEXT.replace(ALLOWED, 'allowed = ["0.0.0.0/0", "::/0"]').replace("allowed = []", ALLOWED),
    "ipv4": TEXT.replace(ALLOWED, 'allowed = ["198.51.100.0/24"]'),
    "arm": TEXT.replace('"t3.', '"t4g.'),
}
