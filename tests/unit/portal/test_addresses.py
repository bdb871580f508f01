import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.accounts.addresses import client_address, network_of

BALANCERS = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


def asked(forwarded: str, *, trusted=(), remote="127.0.0.1") -> str:
    return str(client_address({"HTTP_X_FORWARDED_FOR": forwarded, "REMOTE_ADDR": remote}, trusted))


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("rubbish, 198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", "127.0.0.1"),
        ("unix:", "None"),
    ],
)
def test_only_what_our_own_nginx_added_counts(forwarded, address):
    assert asked(forwarded) == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("198.51.100.7, 10.9.9.9, 10.1.2.3", "198.51.100.7"),
        ("198.51.100.7, fd00::5", "198.51.100.7"),
        ("198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("rubbish, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.9, rubbish, 10.1.2.3", "10.1.2.3"),
    ],
)
def test_behind_load_balancers_that_are_named_theirs_are_passed_over(forwarded, address):
    assert asked(forwarded, trusted=BALANCERS) == address


@given(st.text(max_size=80), st.ip_addresses(), st.booleans())
def test_nothing_that_a_client_writes_changes_its_address(forged, real, is_balanced):
    """Whatever it sends stands before what our proxies add."""
    chain = [forged, str(real), *(["10.1.2.3"] if is_balanced else [])]
    trusted = [ipaddress.ip_network("10.1.2.3/32")] if is_balanced else []
    if any(real in network for network in trusted):
        return
    expected = getattr(real, "ipv4_mapped", None) or real
    assert asked(", ".join(chain), trusted=trusted) == str(expected).partition("%")[0]


@given(st.text(max_size=80))
def test_no_header_breaks_it(text):
    client_address({"HTTP_X_FORWARDED_FOR": text}, BALANCERS)
    client_address({}, BALANCERS)


def test_addresses_of_one_ipv6_subscriber_are_one():
    first, second, other = (
        network_of(ipaddress.ip_address(text))
        for text in ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1")
    )
    assert first == second == "2001:db8:0:1::/64"
    assert other != first
    assert network_of(ipaddress.ip_address("198.51.100.7")) == "198.51.100.7"
    assert network_of(None) == "unknown"
