"""What the panels ask, asked: by the real Grafana of the real database, with rows whose figures are known."""

from __future__ import annotations

import copy
import secrets
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pymysql
import pytest

from tests.conftest import Database, Grafana
from tests.unit.operator.conftest import STORED
from voice_portal.cdr import grants
from voiceprobe_operator import names
from voiceprobe_operator.alerting.rules import rules
from voiceprobe_operator.dashboards import Dashboard, fleet_dashboard, overview_dashboard, probe_dashboard
from voiceprobe_operator.model import Client, Probe, parse_probe

pytestmark = pytest.mark.services

PORTAL = "https://voice.example"
Row = dict[str, Any]
# A Wednesday, in winter: clocks in London are UTC.
NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
PLAN = {
    "generation": 1, "display_name": "Inbound sales", "dialer_address": "sip:a@x", "destination": "sip:b@x",
    "receiver_address": "sip:c@x", "answer_after_ms": 2000, "every_ms": 300_000, "time_zone": "UTC",
    "duration_ms": 30_000, "dtmf": "[]", "codecs": '["PCMA"]', "audio": "speech-en", "media_encryption": "none",
    "mos_warning": 4, "mos_critical": 3.6, "loss_pct_warning": 0.5, "loss_pct_critical": 2, "jitter_ms_warning": 20,
    "jitter_ms_critical": 40, "pdd_ms_warning": 3000, "pdd_ms_critical": 6000,
    "late_media_ms_warning": 1000, "late_media_ms_critical": 3000, "alerting_enabled": 1, "alerting_for_ms": 600_000,
    "suspended": 0,
}  # fmt: skip
CALL = {
    "generation": 1, "sip_host": "test", "from_uri": "sip:a", "to_uri": "sip:b", "srtp": 0, "disposition": "answered",
    "sip_code": 200, "sip_reason": "OK", "pdd_ms": 900, "duration_ms": 30_000, "hangup_by": "local",
    "audio": "speech-en", "valid": 1,
}  # fmt: skip
STREAM = {
    "sip_host": "test", "codec": "PCMA", "rtp_rx": 1500, "loss_pct": 0.1, "jitter_ms": 5, "rtt_ms": 30, "mos_cq": 4.3,
    "r_factor": 90, "one_way": 0, "silent": 0, "valid": 1,
}  # fmt: skip


@dataclass
class Desk:
    """A client with its organisation and read account, and the means to fill its tables and ask its panels."""

    name: str
    connection: pymysql.Connection[Any]
    http: httpx.Client
    probes: list[str] = field(default_factory=list)

    def insert(self, table: str, **values: object) -> None:
        columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        with self.connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))

    def probe(self, name: str, **changes: object) -> Probe:
        uid = str(uuid.uuid4())
        now = datetime.now(UTC).replace(tzinfo=None)
        self.insert("voice_probe", client=self.name, probe=name, uid=uid, updated_at=now, **(PLAN | changes))
        body = copy.deepcopy(STORED)
        body["metadata"] |= {"name": name, "namespace": self.name, "uid": uid}
        return parse_probe(body)

    def call(
        self, probe: str, at: datetime, forward: Row | None = None, reverse: Row | None = None, **changes: object
    ) -> uuid.UUID:
        """A call; `forward` and `reverse` change a stream. One that was not answered has none."""
        key, began = uuid.uuid4(), at.replace(tzinfo=None)
        identity = {"uuid": key.bytes, "started_at": began, "client": self.name, "probe": probe}
        values = CALL | {"ended_at": began + timedelta(seconds=32)} | changes
        self.insert("voice_call", **identity, **values)
        if values["disposition"] == "answered":
            for direction, stream in (("forward", forward), ("reverse", reverse)):
                own = {"direction": direction, "valid": values["valid"]}
                self.insert("voice_call_stream", **identity, **(STREAM | own | (stream or {})))
        return key

    def ask(self, dashboard: Dashboard, since: datetime, until: datetime, interval: str = "1h") -> dict[str, list[Row]]:
        """The rows that Grafana gives to each panel, by the panel's title."""
        return {panel["title"]: self.rows(panel, since, until, interval) for panel in dashboard.content["panels"]}

    def rows(self, panel: Row, since: datetime, until: datetime, interval: str) -> list[Row]:
        milliseconds = {"1h": 3_600_000, "1d": 86_400_000}[interval]
        query = panel["targets"][0] | {"intervalMs": milliseconds, "maxDataPoints": 500}
        times = {"from": str(int(since.timestamp() * 1000)), "to": str(int(until.timestamp() * 1000))}
        answer = self.http.post("/api/ds/query", json=times | {"queries": [query]}).json()
        result = answer.get("results", {}).get("A", answer)
        assert "error" not in result, f"{panel['title']}: {result}"
        return [row for frame in result["frames"] for row in _rows(frame)]


def _rows(frame: Row) -> Iterator[Row]:
    names = [field["name"] for field in frame["schema"]["fields"]]
    for values in zip(*frame["data"]["values"], strict=True):
        yield dict(zip(names, values, strict=True))


def make_account(connection: pymysql.Connection[Any], account: str, views: tuple[str, ...]) -> str:
    password = secrets.token_urlsafe(24)
    with connection.cursor() as cursor:
        cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (account, password))
        for view in views:
            cursor.execute(f"GRANT SELECT ON voice.`{view}` TO %s@'%%'", (account,))
    return password


def make_desk(
    database: Database,
    grafana: Grafana,
    account: str,
    views: tuple[str, ...],
    uid: str = names.CLIENT_DATASOURCE_UID,
) -> Desk:
    name = f"d-{secrets.token_hex(5)}"
    connection = database.connect("admin")
    connection.select_db("voice")
    password = make_account(connection, account, views)
    http = httpx.Client(base_url=grafana.url, auth=grafana.admin, timeout=60)
    org = http.post("/api/orgs", json={"name": name}).raise_for_status().json()["orgId"]
    http.headers["X-Grafana-Org-Id"] = str(org)
    source = {
        "uid": uid, "name": "Voice calls", "type": "mysql", "access": "proxy", "user": account,
        "url": f"127.0.0.1:{database.lab.ports['mysql']}", "jsonData": {"database": "voice", "timezone": "+00:00"},
        "secureJsonData": {"password": password},
    }  # fmt: skip
    http.post("/api/datasources", json=source).raise_for_status()
    return Desk(name, connection, http)


def clear(desk: Desk, account: str) -> None:
    with desk.connection.cursor() as cursor:
        for table in ("voice_call", "voice_call_stream", "voice_probe", "voice_client"):
            cursor.execute(f"DELETE FROM {table} WHERE client = %s", (desk.name,))
        cursor.execute("DROP USER %s@'%%'", (account,))
    desk.http.close()


@pytest.fixture
def desk(database: Database, grafana: Grafana) -> Iterator[Desk]:
    """A client of which nothing is known yet but its name."""
    account = f"vc_{secrets.token_hex(8)}"
    desk = make_desk(database, grafana, account, grants.CLIENT_VIEWS)
    now = datetime.now(UTC).replace(tzinfo=None)
    desk.insert("voice_client", client=desk.name, display_name="Acme", account=account, updated_at=now)
    with closing(desk.connection):
        yield desk
        clear(desk, account)


@pytest.fixture
def fleet(database: Database, grafana: Grafana) -> Iterator[Desk]:
    """The provider's own staff."""
    account = f"vf_{secrets.token_hex(8)}"
    desk = make_desk(database, grafana, account, grants.FLEET_VIEWS, names.FLEET_DATASOURCE_UID)
    now = datetime.now(UTC).replace(tzinfo=None)
    desk.insert("voice_client", client=desk.name, display_name="Acme", updated_at=now)
    with closing(desk.connection):
        yield desk
        clear(desk, account)


def boards(desk: Desk, probe: Probe, zone: str = "UTC") -> tuple[Dashboard, Dashboard]:
    client = Client(desk.name, "Acme", zone)
    return overview_dashboard(client, PORTAL), probe_dashboard(client, probe, PORTAL)


def only(rows: list[Row]) -> Row:
    (row,) = rows
    return row


def test_a_client_without_calls_gets_no_error_and_the_panels_say_no_data(desk: Desk) -> None:
    probe = parse_probe(STORED)
    for board in boards(desk, probe):
        for title, rows in desk.ask(board, NOON - timedelta(days=1), NOON).items():
            assert rows == [], title


def fill(desk: Desk) -> tuple[Probe, list[uuid.UUID]]:
    """Twenty answered calls whose forward MOS is 3.05, 3.10 … 4.00, and five of every other kind."""
    probe = desk.probe("inbound")
    began = NOON - timedelta(minutes=50)
    keys = [
        desk.call(
            "inbound",
            began + timedelta(minutes=i),
            forward={"mos_cq": 3 + 0.05 * (i + 1), "jitter_ms": i + 1, "loss_pct": 0.05 * i, "late_media_ms": 50 * i},
            pdd_ms=100 * (i + 1),
        )
        for i in range(20)
    ]
    late = NOON - timedelta(minutes=20)
    for i in range(3):
        desk.call("inbound", late + timedelta(minutes=i), disposition="busy", sip_code=486, pdd_ms=None)
    desk.call("inbound", late + timedelta(minutes=3), forward={"one_way": 1, "mos_cq": None, "jitter_ms": None})
    desk.call("inbound", late + timedelta(minutes=4), reverse={"silent": 1, "mos_cq": None, "jitter_ms": None})
    spoilt = {"mos_cq": 1, "jitter_ms": 900, "loss_pct": 90, "late_media_ms": 9000, "held_ms": 1000}
    for i in range(5):
        desk.call("inbound", late + timedelta(minutes=5 + i), forward=spoilt, reverse=spoilt, valid=0, pdd_ms=60_000)
    return probe, keys


def test_rates_and_percentiles_are_right_and_spoilt_calls_count_for_nothing(desk: Desk) -> None:
    probe, _ = fill(desk)
    for board in boards(desk, probe):
        rates = only(desk.ask(board, NOON - timedelta(hours=1), NOON)["Calls of this time"])
        # 25 valid calls, 22 answered; of these one reaches the warning of 4 and is heard both ways.
        assert rates["Calls"] == 25
        assert rates["Answer rate"] == pytest.approx(88)
        assert rates["SLA compliance"] == pytest.approx(4)
        # 22 have a MOS: 3.05 to 4.00, and 4.3 where one direction was not heard. Nearest rank: the 11th and the 2nd.
        assert rates["MOS, median"] == pytest.approx(3.55)
        assert rates["MOS, worst 5 %"] == pytest.approx(3.10)


def test_series_condense_the_calls_of_an_interval(desk: Desk) -> None:
    probe, _ = fill(desk)
    overview, own = boards(desk, probe)
    answers = desk.ask(own, NOON - timedelta(hours=1), NOON)
    mos = only(answers["MOS"])
    # 21 forward streams with a MOS (the 20 and that of the silent one), 21 reverse ones.
    assert mos["dialer to receiver, median"] == pytest.approx(3.55)
    assert mos["dialer to receiver, worst 5 %"] == pytest.approx(3.10)
    assert mos["receiver to dialer, worst 5 %"] == pytest.approx(4.3)
    jitter = only(answers["Jitter"])
    assert jitter["dialer to receiver, median"] == pytest.approx(10)
    assert jitter["dialer to receiver, worst 5 %"] == pytest.approx(19)
    late = only(answers["Late media"])
    assert (late["dialer to receiver, median"], late["dialer to receiver, worst 5 %"]) == (450, 900)
    assert late["receiver to dialer, median"] is None, "not measured"
    delay = only(answers["Post-dial delay"])
    assert (delay["median"], delay["worst 5 %"]) == (900, 1900)
    assert only(answers["R factor"])["dialer to receiver, median"] == pytest.approx(90)
    assert only(answers["Round trip"])["dialer to receiver, worst 5 %"] == pytest.approx(30)
    loss = only(answers["Packet loss"])
    assert loss["dialer to receiver, mean"] == pytest.approx((sum(0.05 * i for i in range(20)) + 0.2) / 22, abs=1e-3)
    assert only(answers["Outcomes"])["200 answered"] == 22
    assert only(answers["Outcomes"])["486 busy"] == 3
    assert only(answers["Answer rate and SLA compliance"])["Answer rate"] == pytest.approx(88)
    of_all = desk.ask(overview, NOON - timedelta(hours=1), NOON)
    assert only(of_all["MOS of all probes"]) == mos
    assert only(of_all["MOS of the worst probes"])["Inbound sales (inbound)"] == pytest.approx(3.05)


def test_the_overview_lists_every_probe_the_worst_first_and_leads_to_it(desk: Desk) -> None:
    probe, _ = fill(desk)
    desk.probe("quiet", display_name="Never called")
    overview, _ = boards(desk, probe)
    answers = desk.ask(overview, NOON - timedelta(hours=1), NOON)
    called, quiet = answers["Probes"]
    assert (quiet["Probe"], quiet["Health"], quiet["Calls"]) == ("Never called", "NoData", None)
    assert (called["Probe"], called["Calls"]) == ("Inbound sales", 25)
    assert called["Answer rate"] == pytest.approx(88)
    assert called["SLA compliance"] == pytest.approx(4)
    assert called["MOS to receiver"] == pytest.approx(3.55)
    assert called["MOS to dialer"] == pytest.approx(4.3)
    assert called["MOS, worst 5 %"] == pytest.approx(3.1)
    assert called["Dashboard"] == "vp-" + probe.ref.uid.replace("-", "")
    assert only(answers["Probes by health"])["NoData"] == 2
    assert only(answers["Health over time"])["Inbound sales (inbound)"] == 3


def test_the_worst_calls_are_those_without_sound_then_the_lowest_scores_and_lead_to_the_portal(desk: Desk) -> None:
    probe, keys = fill(desk)
    overview, own = boards(desk, probe)
    worst = desk.ask(overview, NOON - timedelta(hours=1), NOON)["Worst ten calls"]
    assert [row["Sound"] for row in worst] == ["no sound"] * 2 + ["heard"] * 8
    assert [row["Call"] for row in worst[2:]] == [str(key) for key in keys[:8]]
    assert {row["Name"] for row in worst} == {"inbound"}
    calls = desk.ask(own, NOON - timedelta(hours=1), NOON)["Calls"]
    assert len(calls) == 30
    assert {str(key) for key in keys} < {row["Call"] for row in calls}
    late = {row["Call"]: row["Late media to receiver"] for row in calls}
    assert [late[str(key)] for key in keys] == [50 * i for i in range(20)]
    assert {row["On hold to dialer"] for row in calls} == {None, 1000}


LONDON = [
    # Winter: noon is noon. Summer: 11:30 UTC is half past twelve. The night of the change: 01:30 UTC is half past two.
    (datetime(2026, 1, 14, 12, 30, tzinfo=UTC), "Wednesday", "12", 3.1),
    (datetime(2026, 7, 15, 11, 30, tzinfo=UTC), "Wednesday", "12", 3.0),
    (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "Sunday", "00", 3.2),
    (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "Sunday", "02", 3.3),
    (datetime(2026, 7, 19, 23, 30, tzinfo=UTC), "Monday", "00", 3.4),
]


def test_the_heat_map_follows_the_clients_clocks_through_summer_time(desk: Desk) -> None:
    probe = desk.probe("inbound")
    for at, _, _, mos in LONDON:
        desk.call("inbound", at, forward={"mos_cq": mos})
    _, own = boards(desk, probe, "Europe/London")
    panel = next(panel for panel in own.content["panels"] if panel["title"] == "MOS by hour and weekday")
    rows = desk.rows(panel, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), "1d")
    days = {row.pop("Day"): row for row in rows}
    assert list(days) == ["Monday", "Wednesday", "Sunday"], "as the week has them, not the alphabet"
    cells = {(day, hour): mos for day, row in days.items() for hour, mos in row.items() if mos is not None}
    assert cells == {
        ("Wednesday", "12"): pytest.approx(3.0),
        ("Sunday", "00"): pytest.approx(3.2),
        ("Sunday", "02"): pytest.approx(3.3),
        ("Monday", "00"): pytest.approx(3.4),
    }


KINDS: list[dict[str, Any]] = [
    {},
    {"forward": {"mos_cq": 3.9}},
    {"reverse": {"mos_cq": 3.5}},
    {"forward": {"loss_pct": 0.6}},
    {"reverse": {"loss_pct": 2.5}},
    {"forward": {"jitter_ms": 25}},
    {"forward": {"jitter_ms": 41}},
    {"pdd_ms": 3500},
    {"pdd_ms": 6500},
    {"forward": {"one_way": 1, "mos_cq": None}},
    {"reverse": {"silent": 1}},
    {"disposition": "no_answer", "sip_code": 480},
    {"forward": {"mos_cq": None, "loss_pct": None, "jitter_ms": None}},
    {"forward": {"mos_cq": 4, "loss_pct": 0.5, "jitter_ms": 20}, "pdd_ms": 3000},
    {"forward": {"late_media_ms": 1500}},
    {"reverse": {"late_media_ms": 4500}},
    {"forward": {"late_media_ms": 1000}, "reverse": {"late_media_ms": None}},
]


def test_a_call_is_judged_as_the_probe_is_whose_last_call_it_is(desk: Desk) -> None:
    now = datetime.now(UTC) - timedelta(seconds=60)
    for number, kind in enumerate(KINDS):
        desk.probe(f"p-{number}")
        desk.call(f"p-{number}", now, **kind)
    with desk.connection.cursor() as cursor:
        cursor.execute(
            "SELECT j.probe, j.health, s.health, j.compliant FROM voice_call_judged j"
            " JOIN voice_probe_state s ON s.client = j.client AND s.probe = j.probe WHERE j.client = %s",
            (desk.name,),
        )
        judged = {probe: (health, state, bool(good)) for probe, health, state, good in cursor.fetchall()}
    assert len(judged) == len(KINDS)
    assert {probe: health for probe, (health, _, _) in judged.items()} == {p: s for p, (_, s, _) in judged.items()}
    bad = {1, 2, 9, 10, 11}
    assert {probe for probe, (_, _, good) in judged.items() if not good} == {f"p-{number}" for number in bad}


@pytest.mark.parametrize(
    ("late_ms", "raised"),
    [(1000, {}), (1500, {"warning": 1500}), (3000, {"warning": 3000}), (4500, {"critical": 4500}), (None, {})],
)
def test_late_media_raises_its_alert_in_either_direction(
    desk: Desk, late_ms: int | None, raised: dict[str, int]
) -> None:
    """Where every call had it for as long as the probe's `alerting.for`; a warning is silent while it is critical."""
    now = datetime.now(UTC)
    for probe, direction in (("there", "forward"), ("back", "reverse")):
        desk.probe(probe, alerting_for_ms=120_000, every_ms=60_000)
        for ago in (200, 140, 80):
            stream = {direction: {"late_media_ms": late_ms}}
            desk.call(probe, now - timedelta(seconds=ago), **stream)  # type: ignore[arg-type]
    told = {}
    for rule in rules():
        if rule.kind == "late-media":
            query = rule.model(Client(desk.name, "Acme"), PORTAL)["data"][0]["model"]
            rows = desk.rows({"title": rule.title, "targets": [query]}, now - timedelta(hours=1), now, "1h")
            told[rule.severity] = {row["probe"]: row["value"] for row in rows}
    assert told == {level: dict.fromkeys(("there", "back"), raised[level]) if level in raised else {} for level in told}
    assert len(told) == 2


def test_the_fleet_shows_all_clients_hosts_and_what_does_not_count(fleet: Desk) -> None:
    fill(fleet)
    now = datetime.now(UTC).replace(tzinfo=None)
    host = {"version": "1", "started_at": now, "heartbeat_at": now - timedelta(seconds=100), "active_calls": 3}
    fleet.insert("voice_sip_host", sip_host=f"h-{fleet.name}", spool_depth=7, dead_letters=2, **host)
    answers = fleet.ask(fleet_dashboard(), NOON - timedelta(hours=1), NOON)
    acme = only([row for row in answers["Clients"] if row["Namespace"] == fleet.name])
    assert (acme["Probes"], acme["NoData"], acme["Calls"]) == (1, 1, 25)
    assert acme["SLA compliance"] == pytest.approx(4)
    assert acme["MOS, worst 5 %"] == pytest.approx(3.10)
    worst = only([row for row in answers["Worst probes"] if row["Namespace"] == fleet.name])
    assert (worst["Client"], worst["Probe"], worst["Calls"]) == ("Acme", "Inbound sales", 25)
    heard = only([row for row in answers["SIP hosts"] if row["SIP host"] == f"h-{fleet.name}"])
    assert (heard["State"], heard["Spool depth"], heard["Dead letters"]) == ("Late", 7, 2)
    assert only(answers["SIP hosts together"])["Dead letters"] >= 2
    assert only(answers["Calls by SIP host"])["test"] == 30
    assert only(answers["Calls that do not count"])["test"] == pytest.approx(100 * 5 / 30, abs=0.001)
    with fleet.connection.cursor() as cursor:
        cursor.execute("DELETE FROM voice_sip_host WHERE sip_host = %s", (f"h-{fleet.name}",))
