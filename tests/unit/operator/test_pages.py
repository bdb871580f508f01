"""Links to the portal: each names the client, and is an address that the portal has."""

import pytest
from django.urls import resolve

from tests import portal
from voiceprobe_operator import pages

portal.set_up()

UUID = "0193d5c6-7a10-7c3e-9d5e-1f2a3b4c5d6e"
UID = "vp-0b5f2c1e8a774f3c9d5e1f2a3b4c5d6e"


@pytest.mark.parametrize(
    ("made", "view", "names"),
    [
        (pages.overview("", "acme"), "probes:overview", {"client": "acme"}),
        (pages.probe("", "acme", "fax.2"), "probes:probe", {"client": "acme", "probe": "fax.2"}),
        (pages.dashboard("", "acme", UID), "probes:dashboard", {"client": "acme", "uid": UID}),
        (
            pages.dashboard("", "acme", "voice-overview"),
            "probes:dashboard",
            {"client": "acme", "uid": "voice-overview"},
        ),
    ],
)
def test_the_portal_has_that_page(made, view, names):
    found = resolve(made)
    assert (found.view_name, found.kwargs) == (view, names)


def test_the_portal_has_the_page_of_a_call():
    found = resolve(pages.call("", "acme", "fax", UUID))
    assert (found.view_name, str(found.kwargs["uuid"])) == ("probes:call", UUID)


def test_a_page_is_below_the_portals_address():
    assert pages.overview("https://voice.example", "acme") == "https://voice.example/c/acme/"


def test_what_grafana_fills_in_stays_as_it_is():
    made = pages.call("https://p", "acme", "${__data.fields.Name}", "${__data.fields.Call}")
    assert made == "https://p/c/acme/probes/${__data.fields.Name}/calls/${__data.fields.Call}/"


def test_a_client_stays_one_part_of_the_address():
    assert pages.overview("https://p", "a/../b?c") == "https://p/c/a%2F..%2Fb%3Fc/"
