"""Pages that renew a part of themselves."""

from django.http import HttpResponse, HttpResponseRedirect
from django.test import RequestFactory

from tests import portal

portal.set_up()

from voice_portal.probes.live import LiveMiddleware, renewal  # noqa: E402 - Django is set up first


def asked(address):
    return renewal(RequestFactory().get(address), 30)


def test_a_page_asks_for_itself_as_it_was():
    found = asked("/c/acme/?range=7d")
    assert (found.address, found.every_s) == ("/c/acme/?range=7d", 30)


def test_it_can_be_stopped_and_begun_again():
    stopped = asked("/c/acme/?range=7d").other
    assert stopped == "/c/acme/?range=7d&renew=off"
    assert asked(stopped).address == ""
    assert asked(stopped).other == "/c/acme/?range=7d"


def test_what_stands_in_the_address_is_passed_on_inert():
    assert asked("/c/acme/?q=%22%3E%3Cb%3E").address == "/c/acme/?q=%22%3E%3Cb%3E"


def answer(response, **headers):
    return LiveMiddleware(lambda _: response)(RequestFactory().get("/c/acme/", headers=headers))


def test_a_page_that_would_be_led_to_the_login_is_loaded_anew():
    led = answer(HttpResponseRedirect("/login/"), **{"HX-Request": "true"})
    assert (led.status_code, led.headers["HX-Refresh"]) == (200, "true")


def test_a_person_is_led_there_as_ever():
    assert answer(HttpResponseRedirect("/login/")).status_code == 302


def test_other_answers_are_left_as_they_are():
    response = HttpResponse("figures")
    assert answer(response, **{"HX-Request": "true"}) is response
