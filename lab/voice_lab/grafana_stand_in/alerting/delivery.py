"""Sends messages: to a webhook, or by mail."""

from __future__ import annotations

import asyncio
import logging
import re
import smtplib
from dataclasses import dataclass
from email.message import EmailMessage

import aiohttp

from voice_lab.grafana_stand_in.alerting.dispatch import Message
from voice_lab.grafana_stand_in.alerting.messages import page
from voice_lab.grafana_stand_in.http import JSON, encode
from voice_lab.grafana_stand_in.state import Document

TIMEOUT_S = 10
HELLO = "lab"
"""What the stand-in calls itself to a mail server."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Smtp:
    """The mail server, and who the mail is from."""

    host: str
    port: int
    sender: str


def session() -> aiohttp.ClientSession:
    """What webhooks are called by: no cookies, no proxies of the environment."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {"User-Agent": "Grafana", "Content-Type": JSON}
    return aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar())


async def send(message: Message, web: aiohttp.ClientSession, smtp: Smtp | None) -> bool:
    """Send a message; whether it got there. What is secret in a contact point is not logged, nor is its address."""
    name, settings = message.contact["name"], message.contact["settings"]
    try:
        if message.contact["type"] == "webhook":
            await _call(web, settings, message.body)
        elif smtp:
            await asyncio.to_thread(_mail, smtp, settings["addresses"], message.body)
    except Exception as error:
        # Its text may hold an address or a credential.
        _log.warning("contact point %s was not told: %s", name, type(error).__name__)
        return False
    return True


async def _call(web: aiohttp.ClientSession, settings: Document, body: Document) -> None:
    headers = {}
    if credentials := settings.get("authorization_credentials"):
        headers["Authorization"] = f"{settings.get('authorization_scheme') or 'Bearer'} {credentials}"
    method = settings.get("httpMethod") or "POST"
    async with web.request(method, settings["url"], data=encode(body), headers=headers, allow_redirects=False) as got:
        if got.status // 100 != 2:
            raise ValueError(f"answered {got.status}")


def _mail(smtp: Smtp, addresses: str, body: Document) -> None:
    """One transaction for each address; a failure ends them."""
    text = page(body)
    for address in filter(None, map(str.strip, re.split(r"[;,\n]", addresses))):
        letter = EmailMessage()
        letter["From"], letter["To"] = f'"Grafana" <{smtp.sender}>', address
        letter["Subject"] = re.sub(r"[\r\n]", " ", body["title"])
        letter.set_content(text, subtype="html", cte="quoted-printable")
        content = letter.as_bytes(policy=letter.policy.clone(linesep="\r\n"))
        with smtplib.SMTP(smtp.host, smtp.port, local_hostname=HELLO, timeout=TIMEOUT_S) as server:
            server.ehlo()
            _hand_over(server, smtp.sender, address.strip("<>"), content)


def _hand_over(server: smtplib.SMTP, sender: str, address: str, letter: bytes) -> None:
    """One transaction as Grafana speaks it: it tells no size."""
    options = ["BODY=8BITMIME"] if server.has_extn("8bitmime") else []
    for code, text in (server.mail(sender, options), server.rcpt(address), server.data(letter)):
        if code // 100 != 2:
            raise smtplib.SMTPResponseException(code, text)
