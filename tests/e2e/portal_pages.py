"""Every page of the portal's own, whom it opens for, and a client with something of everything to be shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests import portal as portal_settings
from tests.attacks.engineers import world
from voice_lab.context import Lab

portal_settings.set_up()

from voice_portal.reports.period import Month  # noqa: E402 - its settings come first

ANONYMOUS, VIEWER, ENGINEER, STAFF = "anonymous", "viewer", "engineer", "staff"
PEOPLE = (VIEWER, ENGINEER, STAFF)
"""Who may see the client."""


@dataclass(frozen=True)
class Shown:
    """A page: `path` as for `Site.path`, and what the portal answers it with to these people."""

    path: str
    people: tuple[str, ...] = PEOPLE
    status: int = 200

    def __str__(self) -> str:
        return self.path


OF_A_CLIENT = "c/<namespace:client>/"
PROBE = f"{OF_A_CLIENT}probes/<kubernetes_name:probe>/"
CALL = f"{OF_A_CLIENT}calls/<uuid:uuid>/"
NOWHERE = "an address that there is not"
PROVIDER = "login/<provider:provider>/"

PAGES: Mapping[str, tuple[Shown, ...]] = {
    "login/": (Shown("/login/", (ANONYMOUS,)),),
    "login/local/": (Shown("/login/local/?next=/c/", (ANONYMOUS,)),),
    "logout/": (Shown("/logout/"),),
    "c/": (Shown("/c/"), Shown("/c/?q=nobody", (STAFF,))),
    OF_A_CLIENT: (Shown("/c/{client}/"), Shown("/c/{bare}/?renew=off", (VIEWER,)), Shown("/c/{empty}/", (ENGINEER,))),
    f"{OF_A_CLIENT}wall/": (Shown("/c/{client}/wall/"),),
    f"{OF_A_CLIENT}trends/": (Shown("/c/{client}/trends/"), Shown("/c/{bare}/trends/", (VIEWER,))),
    PROBE: (
        Shown("/c/{client}/probes/{probe}/"),
        Shown("/c/{client}/probes/degraded/", (ENGINEER,)),
        Shown("/c/{client}/probes/silent/", (ENGINEER,)),
        Shown("/c/{client}/probes/suspended/", (ENGINEER,)),
        Shown("/c/{bare}/probes/inbound/", (VIEWER, ENGINEER)),
    ),
    f"{OF_A_CLIENT}calls/": (
        Shown("/c/{client}/calls/"),
        Shown("/c/{client}/calls/?range=all&mos_below=much&at=then", (ENGINEER,)),
        Shown("/c/{client}/calls/?outcome=busy&mos_below=1", (ENGINEER,)),
    ),
    CALL: (
        Shown("/c/{client}/calls/{call}/"),
        Shown("/c/{client}/calls/{failed}/", (ENGINEER,)),
        Shown("/c/{client}/calls/{uncounted}/", (ENGINEER,)),
    ),
    f"{OF_A_CLIENT}reports/": (Shown("/c/{client}/reports/"), Shown("/c/{empty}/reports/", (ENGINEER,))),
    f"{OF_A_CLIENT}reports/<month:month>/": (
        Shown("/c/{client}/reports/{month}/"),
        Shown("/c/{client}/reports/2020-01/", (ENGINEER,), 404),
    ),
    NOWHERE: (Shown("/none/", (VIEWER,), 404),),
    "fleet/": (Shown("/fleet/", (STAFF,)), Shown("/fleet/", (VIEWER,), 403)),
    "hosts/": (Shown("/hosts/", (STAFF,)),),
    "access/": (Shown("/access/", (STAFF,)),),
    "audit/": (Shown("/audit/", (STAFF,)), Shown("/audit/?who=nobody", (STAFF,))),
}
"""By the pattern of Django's own list of addresses."""

NO_PAGES = {
    # These lead on to one that is a page.
    "", f"{OF_A_CLIENT}dashboards/<dashboard:uid>/", f"{PROBE}call/", f"{PROBE}calls/<uuid:uuid>/", "trends/",
    "probes/<kubernetes_name:probe>/", "probes/<kubernetes_name:probe>/calls/<uuid:uuid>/", "auth/sign-in",
    PROVIDER, f"{PROVIDER}complete/", f"{PROVIDER}ended/",
    # Files.
    f"{OF_A_CLIENT}calls.csv", f"{OF_A_CLIENT}calls.parquet", f"{CALL}recordings/<direction:direction>.wav",
    f"{OF_A_CLIENT}reports/<month:month>.csv", f"{OF_A_CLIENT}reports/<month:month>-incidents.csv",
    f"{OF_A_CLIENT}reports/<month:month>.pdf", f"{PROVIDER}metadata.xml",
    # nginx asks this, nobody else.
    "auth/grafana",
}  # fmt: skip

ACME = {"client": SimpleNamespace(client="acme", display_name="Acme Insurance", time_zone="Europe/Berlin")}
CORP = SimpleNamespace(name="corp", display_name="Corp")
NOT_NOW = {**ACME, "month": Month(2026, 10), "again_s": 10}

RARE: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("400.html", {}),
    ("403_csrf.html", {}),
    ("500.html", {}),
    ("503.html", {}),
    ("federation/choose.html", {"providers": [CORP], "has_domains": True, "is_refused": True, "sentence": "No."}),
    ("federation/leaving.html", {"name": "Corp", "url": "/onward/"}),
    ("federation/not_signed_in.html", {"title": "Not you", "sentence": "No.", "provider": CORP, "next": "/c/"}),
    ("probes/calls_busy.html", {**ACME, "query": "range=all"}),
    ("reports/not_now.html", {**NOT_NOW, "reason": "not yet", "is_renewed": True, "progress": 12}),
    ("reports/not_now.html", {**NOT_NOW, "reason": "slow"}),
)  # fmt: skip
"""Templates of pages that only come when something is wrong, with what they are told then."""

OF_ADDRESSES = {
    "403.html", "404.html", "accounts/access.html", "accounts/audit.html", "accounts/login.html",
    "accounts/logout.html", "probes/call.html", "probes/calls.html", "probes/clients.html", "probes/fleet.html",
    "probes/hosts.html", "probes/overview.html", "probes/probe.html", "probes/trends.html", "probes/wall.html",
    "reports/month.html", "reports/months.html", "reports/none.html",
}  # fmt: skip
"""Templates that PAGES has shown."""
PORTAL = Path(__file__).parents[2] / "portal" / "voice_portal"
STATIC = PORTAL / "probes" / "static" / "voice_portal"


def whole_pages() -> set[str]:
    """Every template of the portal's that is a page by itself, by its name."""
    every = [path for path in PORTAL.glob("*/templates/**/*.html") if path.read_text().startswith("{% extends")]
    return {str(path.relative_to(next(each for each in path.parents if each.name == "templates"))) for path in every}


def rendered(template: str, context: Mapping[str, Any]) -> str:
    """A page as the portal makes it of that template, for somebody who is not signed in."""
    from django.contrib.auth.models import AnonymousUser
    from django.template.loader import render_to_string
    from django.test import RequestFactory

    request = RequestFactory().get("/rare/")
    request.user = AnonymousUser()
    return render_to_string(template, dict(context), request)


@dataclass(frozen=True)
class Site:
    """The portal, with what the paths of PAGES name, and the cookies of everybody who is signed in."""

    lab: Lab
    names: Mapping[str, object]
    cookies: Mapping[str, Mapping[str, str]] = field(repr=False)

    def path(self, shown: Shown) -> str:
        return shown.path.format(**self.names)


@contextmanager
def site(lab: Lab) -> Iterator[Site]:
    """Everything is taken away again."""
    with world(lab) as made:
        own = made.client()
        records: Any = made.records
        calls = _probes(records, own.name)
        bare, empty = (records.client(display_name=f"{what} Ltd, London") for what in ("Bare", "Empty"))
        records.probe(bare)
        for ago, mos in enumerate((4.2, 4.1, 3.2, 4.3), 1):
            records.call(bare, ago=ago * 600, forward={"mos_cq": mos})
        others = [replace(own, name=name) for name in (bare, empty)]
        browsers = {role: made.signed_in(own, *others, role=role) for role in (VIEWER, ENGINEER)}
        browsers[STAFF] = made.signed_in(staff=True)
        for number in range(10):  # so many that staff may search
            records.client(display_name=f"Client number {number}")
        names = {"client": own.name, "probe": f"inbound-{own.name}", "call": own.call, "bare": bare, "empty": empty}
        names |= {"month": f"{datetime.now(UTC):%Y-%m}", **calls}
        with _hosts(records):
            yield Site(lab, names, {person: dict(each.cookies.items()) for person, each in browsers.items()})


def _probes(records: Any, client: str) -> dict[str, uuid.UUID]:
    """A probe of each health, and calls that ended in each way; the ids of three of those."""
    long = "Claims hotline of the north-western region, second line support"
    rated = {"wideband": 0, "ptime_ms": 20, "rtp_expected": 1500, "rtp_lost": 30, "rtp_discarded": 7,
             "concealed_pct": 2.3, "max_loss_run": 3, "rtt_ms": 20, "r_factor": 70.1, "mos_cq": 3.6}  # fmt: skip
    records.probe(client, "degraded", display_name=long)
    records.probe(client, "unhealthy", display_name="Sales")
    records.probe(client, "silent", display_name="Never called")
    records.probe(client, "suspended", display_name="Put aside", suspended=1)
    for ago in range(300, 3000, 300):
        records.call(client, "degraded", ago=ago)
    signalling = {"call_id": "abc@x", "transport": "tls", "srtp": 1, "remote_address": "[fd77:a::1]:5060"}
    call = records.call(client, "degraded", forward=rated, **signalling)
    records.seconds(call, "forward", [(4.3, 0, 2.0), (3.1, 5, 30.0), (4.2, 0, 2.0)])
    records.seconds(call, "reverse", [(4.3, 0, 2.0)] * 3)
    invite = "INVITE sip:b@x SIP/2.0\r\nCSeq: 1 INVITE\r\nX-Long: " + "long " * 40 + "\r\n\r\nv=0\r\n"
    records.ladder(call, "dialer", (0, True, invite), (40, False, "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n"))
    records.ladder(call, "receiver", (12, False, invite))
    records.recording(call)
    records.recording(call, "reverse")
    failed = records.call(
        client, "unhealthy", disposition="busy", sip_code=486, sip_reason="Busy Here", forward=False, reverse=False
    )
    uncounted = records.call(client, "unhealthy", ago=900, valid=0)
    records.request(client, "unhealthy", ago=100, claimed_at=f"{datetime.now(UTC):%F %T}", claimed_by="sip-1")
    return {"call": call, "failed": failed, "uncounted": uncounted}


@contextmanager
def _hosts(records: Any) -> Iterator[None]:
    """Two SIP hosts, one of which has not been heard of for an hour."""
    names = [f"sip-host-{uuid.uuid4().hex[:8]}.voice.example.net" for _ in range(2)]
    values = {"version": "0.1", "started_at": "2026-01-01", "spool_depth": 0, "parties": "dialer,receiver"}
    for name, at in zip(names, (f"{datetime.now(UTC):%F %T}", "2026-01-02"), strict=True):
        records.insert("voice_sip_host", sip_host=name, heartbeat_at=at, active_calls=7, **values)
    try:
        yield
    finally:
        with records.connection.cursor() as cursor:
            cursor.execute("DELETE FROM voice_sip_host WHERE sip_host IN (%s, %s)", names)


def addresses() -> list[str]:
    """Every pattern of Django's own list of addresses."""
    from django.urls import URLPattern, URLResolver, get_resolver

    def walk(patterns: list[URLPattern | URLResolver], above: str = "") -> Iterator[str]:
        for one in patterns:
            path = above + str(one.pattern)
            yield from walk(one.url_patterns, path) if isinstance(one, URLResolver) else [path]

    return list(walk(get_resolver().url_patterns))
