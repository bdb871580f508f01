"""The portal's door for local accounts as strangers reach it, each from an address of its own."""

import random
import re
import uuid
from contextlib import ExitStack
from dataclasses import dataclass

import httpx

from tests.conftest import Database
from voice_lab.context import Lab

WRONG = "not the password of anybody"


@dataclass
class Door:
    """The portal as strangers reach it."""

    lab: Lab
    database: Database
    browsers: ExitStack
    model: str
    password: str

    def user(self) -> str:
        """A new account with that password: a copy of one that was made as any other, but in no time."""
        login = f"door-{uuid.uuid4().hex[:10]}"
        columns = "password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined"
        with self.database.connect("owner") as connection, connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO auth_user (username, {columns}) SELECT %s, {columns} FROM auth_user WHERE username = %s",
                [login, self.model],
            )
            cursor.execute(
                "INSERT INTO portal_break_glass (user_id, until) VALUES (%s, UTC_TIMESTAMP() + INTERVAL 1 DAY)",
                [cursor.lastrowid],
            )
        return login

    def browser(self, address: str | None = None) -> httpx.Client:
        """One that nobody knows, from this address or from one that nobody came from before."""
        transport = httpx.HTTPTransport(local_address=address or new_address())
        return self.browsers.enter_context(
            httpx.Client(base_url=self.lab.portal_url, transport=transport, timeout=30, trust_env=False)
        )

    def log(self) -> str:
        """What the portal has logged so far, and nginx too."""
        return "".join(path.read_text(errors="replace") for path in self.lab.folder.rglob("voice-quality-portal*.log"))

    def metric(self, line: str) -> float:
        """The value of one line of the metrics."""
        text = httpx.get(f"http://127.0.0.1:{self.lab.ports['portal-metrics']}/metrics", trust_env=False).text
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        assert found, text
        return float(found[1])


def new_address() -> str:
    return ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])


def attempt(browser: httpx.Client, login: str, password: str, **headers: str) -> httpx.Response:
    """Fill in the form and send it."""
    if "csrftoken" not in browser.cookies:
        browser.get("/login/local/")
    form = {"username": login, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    return browser.post("/login/local/", data=form, headers=headers)


def guess(browser: httpx.Client, login: str, times: int) -> list[int]:
    return [attempt(browser, login, f"{WRONG} {number}").status_code for number in range(times)]


def said(answer: httpx.Response) -> str:
    """The sentence on the page."""
    found = re.search(r'role="alert">(.*?)</p>', answer.text)
    assert found, answer.text
    return found[1]
