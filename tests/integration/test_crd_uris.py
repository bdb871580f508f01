"""What a real API server admits of URIs: what the grammar and a call allow, and nothing else, and what it says then."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import uris
from tests.integration.test_crds import NAMESPACE, Kubectl, Spec, dry_run, manifest, probe
from tests.unit.sipapp.test_uris import PARTY, SERVER

pytestmark = pytest.mark.services
# The fields that hold one URI, in turn: all of them have the same rules.
PARTY_AT = ("destination", "dialer.address", "receiver.address")
SERVER_AT = ("dialer.outboundProxy", "receiver.registrar")

few = settings(
    max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None, database=None
)


@pytest.fixture(scope="module")
def namespace(cluster: Kubectl) -> str:
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest("Namespace", "v1", NAMESPACE, namespace=None)))
    return NAMESPACE


def with_uri(number: int, field: str, text: str) -> Spec:
    # The proxy is what a telephone number needs to be called; the receiver then has no registrar.
    body = probe(f"uri-{number}", dialer={"outboundProxy": "sip:sbc.acme.example"})
    part, _, name = field.rpartition(".")
    (body["spec"][part] if part else body["spec"])[name] = text
    return body


def admit(cluster: Kubectl, texts: Sequence[str], fields: Sequence[str]) -> None:
    """Hand in all of `texts`, each in one of `fields`; raises whatever kubectl raises where one of them is refused."""
    items = [with_uri(n, fields[n % len(fields)], text) for n, text in enumerate(texts)]
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert cluster.kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=body).count("uri-") == len(
        texts
    )


def said(cluster: Kubectl, text: str, field: str) -> str:
    """What kubectl tells whoever writes `text` in `field`; "" where it is admitted."""
    try:
        dry_run(cluster, with_uri(0, field, text))
    except Exception as error:  # whatever kubectl's failure is, its words are looked at
        return str(error)
    return ""


def test_every_valid_uri_is_admitted(cluster: Kubectl, namespace: str) -> None:
    for first in range(len(PARTY_AT)):  # each URI in each field
        admit(cluster, uris.PARTIES, PARTY_AT[first:] + PARTY_AT[:first])
    for first in range(len(SERVER_AT)):
        admit(cluster, uris.SERVERS, SERVER_AT[first:] + SERVER_AT[:first])


@pytest.mark.parametrize(("text", "sentence"), uris.WRONG_PARTIES.items())
def test_a_party_that_cannot_be_called_is_refused_with_what_is_wrong(
    cluster: Kubectl, namespace: str, text: str, sentence: str
) -> None:
    field = PARTY_AT[len(text) % len(PARTY_AT)]
    words = said(cluster, text, field)
    assert f"spec.{field}: Invalid value" in words
    assert sentence in words


@pytest.mark.parametrize(("text", "sentence"), uris.WRONG_SERVERS.items())
def test_a_server_that_cannot_be_reached_is_refused_with_what_is_wrong(
    cluster: Kubectl, namespace: str, text: str, sentence: str
) -> None:
    field = SERVER_AT[len(text) % len(SERVER_AT)]
    words = said(cluster, text, field)
    assert f"spec.{field}: Invalid value" in words
    assert sentence in words


def test_one_that_is_too_long_is_told_how_long_it_may_be(cluster: Kubectl, namespace: str) -> None:
    text = "sip:" + "a" * 300 + "@h"
    assert f"may not be more than {uris.LONGEST}" in said(cluster, text, "destination")


def some(one: st.SearchStrategy[str], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(one, min_size=1, max_size=most, unique=True)


@few
@given(some(uris.parties, 12), some(uris.servers, 12))
def test_every_uri_of_the_grammar_is_admitted(
    cluster: Kubectl, namespace: str, parties: list[str], servers: list[str]
) -> None:
    admit(cluster, parties, PARTY_AT)
    admit(cluster, servers, SERVER_AT)


@few
@given(some(uris.nearly(uris.parties), 6), some(uris.nearly(uris.servers), 6))
def test_the_rules_say_to_the_api_server_what_the_unit_tests_take_them_to_say(
    cluster: Kubectl, namespace: str, parties: list[str], servers: list[str]
) -> None:
    for texts, field, told in ((parties, "destination", PARTY), (servers, "dialer.outboundProxy", SERVER)):
        for text in texts:
            words, expected = said(cluster, text, field), told(text)
            assert bool(words) is bool(expected), text
            assert all(message in words for message in expected), text
