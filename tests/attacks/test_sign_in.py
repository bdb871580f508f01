"""Guessing passwords at the portal's door: the portal as the chart starts it, gunicorn behind nginx, and its database.

A test comes from addresses of its own in 127.0.0.0/8, which nginx tells apart like any others.
"""

import re
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from tests.attacks.door import WRONG, Door, attempt, guess, new_address, said
from tests.conftest import Database
from tests.labs import own_lab
from voice_lab.services import schema

pytestmark = pytest.mark.services

LOCKED = "Wait 15 minutes, then try again, or ask whoever gave you the account to unlock it."
FORGED = (
    {"X-Forwarded-For": "203.0.113.7"},
    {"X-Forwarded-For": "203.0.113.8, 10.0.0.1"},
    {"X-Forwarded-For": "2001:db8::1"},
    {"X-Forwarded-For": "127.0.0.1,"},
    {"X-Forwarded-For": "unknown, _hidden, 256.1.1.1"},
    {"X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9", "True-Client-IP": "203.0.113.9"},
    {"X_Forwarded_For": "203.0.113.10"},
    {"X-Forwarded-For": ",".join(f"198.51.100.{number}" for number in range(200))},
)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    """A portal of its own: at a door that is besieged, other tests' engineers would have to wait."""
    model = f"door-{uuid.uuid4().hex[:10]}"
    with own_lab("door", ("portal",)) as lab, ExitStack() as browsers:
        _, password = schema.run(lab, "portal", "django", "break_glass", model).splitlines()
        yield Door(lab, Database(lab), browsers, model, password)


@pytest.fixture
def later(door) -> Callable[[float], None]:
    """Make so many seconds pass, as far as failed sign-ins are concerned."""

    def later(seconds: float) -> None:
        with door.database.connect("owner") as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE portal_sign_in_tally SET last_at = last_at - INTERVAL %s SECOND", [seconds])

    return later


def test_guessing_one_account_from_one_address_is_locked_there_and_nowhere_else(door, later):
    login, attacker = door.user(), door.browser()
    assert guess(attacker, login, 5) == [200] * 5
    answer = attempt(attacker, login, WRONG)
    assert (answer.status_code, said(answer)) == (
        429, f"Too many failed attempts with this user name from your network. {LOCKED}",
    )  # fmt: skip
    assert 890 < int(answer.headers["Retry-After"]) <= 900
    assert "no-store" in answer.headers["Cache-Control"]
    assert attempt(attacker, login, door.password).status_code == 429, "the right password is not looked at either"
    assert attempt(door.browser(), login, door.password).status_code == 302, "the owner is somewhere else"
    later(15 * 60 + 1)
    assert attempt(attacker, login, door.password).status_code == 302, "the wait is over"


def test_trying_while_locked_does_not_make_it_longer(door, later):
    login, owner = door.user(), door.browser()
    guess(owner, login, 5)
    for _ in range(3):
        later(5 * 60 + 1)
        answer = attempt(owner, login, door.password)
    assert answer.status_code == 302


def test_the_right_password_forgets_what_was_mistyped(door):
    login, owner = door.user(), door.browser()
    for _ in range(3):
        fresh = door.browser(owner._transport._pool._local_address)
        assert guess(fresh, login, 4) == [200] * 4
        assert attempt(fresh, login, door.password).status_code == 302


def test_headers_that_name_an_address_help_nobody(door):
    login, attacker = door.user(), door.browser()
    codes = [attempt(attacker, login, WRONG, **forged).status_code for forged in FORGED]
    assert codes == [200] * 5 + [429] * 3


def test_other_spellings_of_a_name_are_no_other_account(door):
    """MySQL takes no notice of spaces at the end, and Unicode has many forms of one letter."""
    login, attacker = door.user(), door.browser()
    full_width = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in login)
    spellings = [login, f"{login} ", f"  {login}", f"{login}\u00a0\u3000", full_width, f"{login}   "]
    codes = [attempt(attacker, name, WRONG).status_code for name in spellings]
    assert codes == [200] * 5 + [429]


def test_guessing_one_account_from_many_addresses_is_slowed_and_never_locked(door, later):
    login = door.user()
    assert [code for _ in range(5) for code in guess(door.browser(), login, 4)] == [200] * 20
    answer = attempt(door.browser(), login, WRONG)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 10
    assert re.fullmatch(
        r"Too many failed attempts with this user name. Wait \d+ seconds?, then try again.", said(answer)
    )
    later(11)
    assert guess(door.browser(), login, 2) == [200, 429], "one every ten seconds"
    later(11)
    assert attempt(door.browser(), login, door.password).status_code == 302, "its owner comes in as anybody's turn"


def test_whoever_signed_in_before_in_a_browser_is_kept_out_by_no_outsider(door):
    login, owner = door.user(), door.browser()
    assert attempt(owner, login, door.password).status_code == 302
    owner.cookies.delete("voice_portal_session")
    for _ in range(5):
        guess(door.browser(), login, 4)
    assert attempt(door.browser(), login, door.password).status_code == 429, "in a browser that nobody knows"
    address = owner._transport._pool._local_address
    neighbour = door.browser(address)
    guess(neighbour, login, 6)
    assert attempt(owner, login, door.password).status_code == 302


def test_a_stolen_browser_cookie_is_worth_ten_guesses_and_only_for_its_account(door):
    login, other, owner = door.user(), door.user(), door.browser()
    attempt(owner, login, door.password)
    cookie = owner.cookies["voice_portal_browser"]

    def thief() -> httpx.Client:
        browser = door.browser()
        browser.cookies.set("voice_portal_browser", cookie, domain="127.0.0.1", path="/login/local/")
        return browser

    assert [code for _ in range(4) for code in guess(thief(), login, 3)] == [200] * 10 + [429] * 2
    assert guess(thief(), other, 6) == [200] * 5 + [429]
    forged = door.browser()
    forged.cookies.set("voice_portal_browser", cookie[:-1] + "x", domain="127.0.0.1", path="/login/local/")
    assert guess(forged, other, 6) == [200] * 5 + [429]


def test_trying_many_accounts_from_one_address_locks_the_address_alone(door):
    login, address = door.user(), new_address()
    sprayer = door.browser(address)
    names = [f"nobody-{uuid.uuid4().hex[:8]}" for _ in range(30)]
    assert [attempt(sprayer, name, "Summer2026!").status_code for name in names] == [200] * 30
    answer = attempt(door.browser(address), login, door.password)
    assert (answer.status_code, said(answer)) == (
        429,
        f"Too many failed attempts to log in from your network. {LOCKED}",
    )
    assert attempt(door.browser(), login, door.password).status_code == 302


def test_an_account_of_ones_own_does_not_wipe_out_what_the_address_did(door):
    mine, address = door.user(), new_address()
    sprayer = door.browser(address)
    for number in range(30):
        attempt(sprayer, f"nobody-{number}-{address}", WRONG)
        if number % 10 == 5:
            assert attempt(door.browser(address), mine, door.password).status_code == 302
    assert attempt(door.browser(address), mine, door.password).status_code == 429


def test_unknown_inactive_and_known_accounts_answer_alike(door):
    known, inactive, unknown = door.user(), door.user(), f"nobody-{uuid.uuid4().hex[:8]}"
    with door.database.connect("owner") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE auth_user SET is_active = 0 WHERE username = %s", [inactive])
    seen = {login: [] for login in (known, inactive, unknown)}
    for login, answers in seen.items():
        attacker = door.browser()
        for _ in range(6):
            answer = attempt(attacker, login, WRONG)
            body = answer.text.replace(login, "NAME")
            answers.append((answer.status_code, re.sub(r'value="[A-Za-z0-9]{64}"', "", body)))
    assert seen[known] == seen[unknown] == seen[inactive]
    assert attempt(door.browser(), inactive, door.password).status_code == 200


def test_unknown_accounts_take_as_long_as_known_ones(door):
    """Taken in turns, so that whatever else the machine does falls on both."""
    known, unknown = door.user(), f"nobody-{uuid.uuid4().hex[:8]}"
    took: dict[str, list[float]] = {known: [], unknown: []}
    for _ in range(4):
        browsers = {login: door.browser() for login in took}
        for _ in range(4):
            for login, browser in browsers.items():
                browser.get("/login/local/")
                began = time.perf_counter()
                assert attempt(browser, login, WRONG).status_code == 200
                took[login].append(time.perf_counter() - began)
    ratio = statistics.median(took[known]) / statistics.median(took[unknown])
    assert 0.75 < ratio < 1.33, took


def test_guesses_that_come_at_once_do_not_slip_through_the_count(door):
    """Also where each comes with a session and a token of its own."""
    login, address = door.user(), new_address()
    browsers = [door.browser(address) for _ in range(50)]
    for browser in browsers:
        browser.get("/login/local/")
    with ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(lambda browser: attempt(browser, login, WRONG).status_code, browsers))
    for browser in browsers[:10]:
        codes += guess(browser, login, 1)
    assert codes.count(200) == 5
    assert set(codes) <= {200, 429, 503}
    assert attempt(browsers[0], login, door.password).status_code == 429


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("n" * 151, WRONG, "A user name has at most 150 characters."),
        ("n" * 900_000, WRONG, "A user name has at most 150 characters."),
        ("somebody", "p" * 1025, "A password has at most 1024 characters here."),
        ("somebody", "p" * 900_000, "A password has at most 1024 characters here."),
        ("somebody\0", WRONG, "Null characters are not allowed."),
        ("", WRONG, "Enter both your user name and your password."),
        ("somebody", "", "Enter both your user name and your password."),
        (" \u3000 ", WRONG, "Enter both your user name and your password."),
    ],
    ids=["long name", "huge name", "long password", "huge password", "null", "no name", "no password", "spaces"],
)
def test_what_can_be_nobodys_is_refused_before_it_is_hashed(door, name, password, sentence):
    malformed, hashed = 'voice_portal_sign_ins_total{outcome="malformed"}', "voice_portal_password_hash_seconds_count"
    before = door.metric(malformed), door.metric(hashed)
    began = time.perf_counter()
    answer = attempt(door.browser(), name, password)
    assert (answer.status_code, said(answer)) == (200, sentence)
    assert len(answer.content) < 10_000, "and not sent back"
    assert time.perf_counter() - began < 5
    assert (door.metric(malformed), door.metric(hashed)) == (before[0] + 1, before[1])


PARTS = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'


@pytest.mark.parametrize(
    "charset", ["utf-7", "utf-16", "utf-32-be", "base64", "rot13", "zlib", "idna", "nonsense", "undefined", "utf-8-sig"]
)
def test_other_encodings_than_utf_8_are_refused(door, charset):
    """In UTF-7, the text is half a character."""
    browser = door.browser()
    browser.get("/login/local/")
    headers = {"X-CSRFToken": browser.cookies["csrftoken"]}
    parts = PARTS.format("username", "+2AA-") + PARTS.format("password", "+2AA-") + "--b--\r\n"
    for kind, body in (
        (f"multipart/form-data; boundary=b; charset={charset}", parts.encode()),
        (f"application/x-www-form-urlencoded; charset={charset}", b"username=%ED%A0%80&password=%FF%FE%00"),
        (f"application/x-www-form-urlencoded; charset={charset}", b"username=\xff\xfe&password=\xc0\xaf"),
    ):
        answer = browser.post("/login/local/", content=body, headers={**headers, "Content-Type": kind})
        assert answer.status_code == 400, (kind, answer.text)


def test_bytes_that_are_no_text_break_nothing(door):
    browser = door.browser()
    browser.get("/login/local/")
    headers = {"X-CSRFToken": browser.cookies["csrftoken"]}
    parts = PARTS.format("username", "?").encode() + PARTS.format("password", "?").encode() + b"--b--\r\n"
    for kind, body in (
        ("multipart/form-data; boundary=b", parts.replace(b"?", b"\xed\xa0\x80")),
        ("multipart/form-data; boundary=b; charset=UTF8", parts.replace(b"?", b"\xff\xfe")),
        ("application/x-www-form-urlencoded", b"username=%ED%A0%80&password=%FF%FE"),
        ("application/x-www-form-urlencoded; charset=utf-8", b"username=\xff\xfe&password=\xc0\xaf"),
        ("application/json", b'{"username": "a", "password": "b"}'),
        ("text/plain", b"username=a&password=b"),
    ):
        assert browser.post("/login/local/", content=body, headers={**headers, "Content-Type": kind}).status_code == 200


def test_nothing_that_may_be_a_password_is_logged_and_the_account_is(door):
    login, secret = door.user(), f"secret-{uuid.uuid4().hex}"
    attacker, address = door.browser(), new_address()
    guess(attacker, login, 4)
    attempt(attacker, login, secret)
    attempt(attacker, login, secret)
    attempt(door.browser(address), secret, secret)
    attempt(door.browser(address), login, door.password)
    attacker.get("/login/local/", params={"username": login, "password": secret})
    log = door.log()
    assert secret not in log
    assert door.password not in log
    assert re.search(rf"WARNING \S+: sign-in failed: account '{login}' from 127\.", log)
    assert re.search(
        rf"WARNING \S+: sign-in refused, account-at-address must wait \d+ s: account '{login}' from 127\.", log
    )
    assert f"sign-in failed: an unknown user name from {address}" in log
    assert f"signed in: account '{login}' from {address}" in log


def test_sign_ins_and_locks_are_counted_where_no_outsider_reads(door):
    login, attacker = door.user(), door.browser()
    lines = ["succeeded", "failed", "locked"]
    lines = [f'voice_portal_sign_ins_total{{outcome="{outcome}"}}' for outcome in lines]
    lines += ['voice_portal_sign_in_locks_total{by="account-at-address"}', "voice_portal_password_hash_seconds_count"]
    before = [door.metric(line) for line in lines]
    guess(attacker, login, 7)
    attempt(door.browser(), login, door.password)
    assert [door.metric(line) - old for line, old in zip(lines, before, strict=True)] == [1, 5, 2, 1, 6]
    for path in ("/metrics", "/metrics/", "//metrics", "/grafana/../metrics", "/login/%2e%2e/metrics"):
        assert "voice_portal_" not in attacker.get(path).text
    own = f"http://127.0.0.1:{door.lab.ports['portal-metrics']}"
    assert [httpx.get(f"{own}{path}", trust_env=False).status_code for path in ("/", "/login/", "/healthz")] == [
        404
    ] * 3


@pytest.mark.parametrize("at_once", [16, 64])
def test_health_and_pages_answer_while_many_sign_in(door, at_once):
    """Each from an address of its own, so that none is locked."""
    owner, browsers = door.browser(), [door.browser() for _ in range(at_once)]
    attempt(owner, door.user(), door.password)
    for browser in browsers:
        browser.get("/login/local/")
    stop, waits, codes = threading.Event(), [], []

    def sign_in(browser: httpx.Client) -> None:
        while not stop.is_set():
            answer = attempt(browser, f"nobody-{uuid.uuid4().hex[:8]}", WRONG)
            codes.append(answer.status_code)
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) > 0
                assert (
                    said(answer)
                    == "More people are logging in than can be served at once. Wait 5 seconds, then try again."
                )
            if answer.status_code != 200:
                stop.wait(0.5)

    with ThreadPoolExecutor(at_once) as pool:
        working = [pool.submit(sign_in, browser) for browser in browsers]
        time.sleep(0.5)
        for _ in range(15):
            for path in ("/healthz", "/c/"):
                began = time.perf_counter()
                assert owner.get(path).status_code == 200
                waits.append(time.perf_counter() - began)
            time.sleep(0.1)
        stop.set()
    for one in working:
        one.result()
    assert set(codes) == {200, 503}, "some are served, and nobody waits without end"
    assert statistics.median(waits) < 0.5, waits
    assert max(waits) < 2, waits


def test_a_session_is_a_new_one_after_signing_in_and_ends_when_signing_out(door):
    login, browser = door.user(), door.browser()
    browser.cookies.set("voice_portal_session", "chosenbytheattacker0000000000000", domain="127.0.0.1")
    attempt(browser, login, door.password)
    session, token = browser.cookies["voice_portal_session"], browser.cookies["csrftoken"]
    assert session != "chosenbytheattacker0000000000000"
    attempt(browser, login, door.password)
    assert browser.get("/c/").status_code == 200
    browser.post("/logout/", data={"csrfmiddlewaretoken": token})
    thief = door.browser()
    thief.cookies.set("voice_portal_session", session, domain="127.0.0.1")
    assert thief.get("/c/").status_code == 302, "the cookie that was kept opens nothing"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "\thttps://evil.example",
     "///evil.example", "javascript:alert(1)", "http://127.0.0.1@evil.example/"],
)  # fmt: skip
def test_signing_in_leads_only_to_pages_of_the_portal(door, signed_in_login, target):
    browser = door.browser()
    browser.get("/login/local/")
    form = {"username": signed_in_login, "password": door.password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    answer = browser.post("/login/local/", data={**form, "next": target})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.fixture(scope="module")
def signed_in_login(door) -> str:
    return door.user()


def test_staff_unlock_an_account(door):
    login, owner = door.user(), door.browser()
    assert guess(owner, login, 6)[-1] == 429
    schema.manage(door.lab, "portal", "unlock_sign_in", login)
    assert attempt(owner, login, door.password).status_code == 302
