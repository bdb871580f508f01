"""Attacks: what a client's voice engineer, or their Grafana, may try to see of another client."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pymysql
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.conftest import System
from voice_lab import evidence
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import cluster, database, grafana

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

VIEWS = [
    "client_call",
    "client_call_interval",
    "client_call_judged",
    "client_call_ladder",
    "client_call_stream",
    "client_probe",
]


def grafana_query(sql: str, datasource: str = "voice-client") -> dict[str, Any]:
    """Body of a query to a datasource: the client's, unless it is said."""
    question = {"refId": "A", "datasource": {"uid": datasource}, "rawSql": sql, "format": "table"}
    return {"queries": [question], "from": "now-1h", "to": "now"}


def claims(subject: str, **changed: object) -> dict[str, object]:
    """Claims such as the portal signs, valid now."""
    now = datetime.now(UTC)
    times = {"iat": now, "exp": now + timedelta(minutes=1)}
    return {"iss": "voice-portal", "aud": "grafana", "sub": subject, **times, **changed}


def portal_key(lab: Lab) -> bytes:
    """The key that only the portal has; the attacker does not."""
    return (lab.folder / "pki" / "portal.key").read_bytes()


@pytest.fixture
def account(system: System) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """The MySQL connection that acme's datasource would open."""
    secret = json.loads(
        cluster.kubectl(system.lab, "get", "secret", "voice-client-acme", "-n", "voice-quality", "-o", "json")
    )["data"]
    user, password = (base64.b64decode(secret[key]).decode() for key in ("username", "password"))
    port = system.lab.ports["mysql"]
    return pymysql.connect(host="127.0.0.1", port=port, user=user, password=password, database=database.SCHEMA)


def test_globex_has_calls_that_could_be_seen(system: System) -> None:
    assert [call for call in system.calls if call["client"] == "globex"]


@pytest.mark.parametrize("view", VIEWS)
def test_sql_through_grafana_finds_nothing_of_another_client(acme: httpx.Client, view: str) -> None:
    assert evidence.query(acme, f"SELECT DISTINCT client AS client FROM {view}") == [{"client": "acme"}]
    assert (
        evidence.query(acme, f"SELECT * FROM {view} WHERE client = 'globex' OR client LIKE '%' AND probe = 'support'")
        == []
    )


# MySQL's errors for what an account may not: use a database or table, create, write or read files.
DENIED = {1044, 1142, 1143, 1227, 1045}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM voice_call",
        "SELECT * FROM voice_call_stream",
        "SELECT * FROM voice_client",
        "SELECT * FROM voice_probe",
        "SELECT * FROM voice_probe_state",
        "SELECT * FROM voice_call_judged",
        "SELECT * FROM fleet_client",
        "SELECT * FROM fleet_call",
        "SELECT * FROM fleet_call_judged",
        "SELECT * FROM fleet_probe",
        "SELECT * FROM fleet_sip_host",
        "SELECT * FROM django_session",
        "SELECT * FROM mysql.global_priv",
        "SELECT * FROM mysql.user",
        "DELETE FROM client_call",
        "UPDATE client_probe SET client = 'acme'",
        "SELECT 1 INTO OUTFILE '/tmp/stolen'",
        "CREATE VIEW stolen AS SELECT * FROM client_call",
        "CREATE USER spy",
        "SET GLOBAL general_log = 1",
    ],
)
def test_sql_beyond_the_clients_views_is_refused(
    acme: httpx.Client, account: pymysql.Connection[pymysql.cursors.Cursor], sql: str
) -> None:
    with pytest.raises(LabError, match=r"Grafana (could not run a query|answers [45]\d\d to a query)"):
        evidence.query(acme, sql)
    with account, account.cursor() as cursor, pytest.raises(pymysql.MySQLError) as refused:
        cursor.execute(sql)
    assert refused.value.args[0] in DENIED


def test_the_read_account_itself_sees_only_its_views(account: pymysql.Connection[pymysql.cursors.Cursor]) -> None:
    with account, account.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert sorted(row[0] for row in cursor.fetchall()) == VIEWS
        cursor.execute("SELECT DISTINCT client FROM client_call")
        assert cursor.fetchall() == (("acme",),)
        cursor.execute("SHOW GRANTS")
        granted = " ".join(row[0] for row in cursor.fetchall())
    assert not {"INSERT", "UPDATE", "DELETE", "CREATE", "FILE", "ALL PRIVILEGES"} & set(
        granted.replace(",", " ").split()
    )


def shown(browser: httpx.Client, **headers: str) -> set[str] | None:
    """What Grafana lets this browser find: each client's probes have dashboards of their own. None: it is refused."""
    found = browser.get("/grafana/api/search", headers=headers)
    if found.status_code == httpx.codes.FORBIDDEN:
        return None
    return {hit["uid"] for hit in found.raise_for_status().json()}


def test_naming_another_organisation_shows_nothing_of_it(acme: httpx.Client) -> None:
    before = shown(acme)
    assert [uid for uid in before or () if uid.startswith("vp-")]
    named = [shown(acme, **{"X-Grafana-Org-Id": str(organisation)}) for organisation in range(1, 6)]
    assert all(found in (before, None) for found in named)
    assert None in named
    for organisation in range(1, 6):
        assert acme.get("/grafana/api/search", params={"orgId": organisation}).status_code == 403
        assert acme.post(f"/grafana/api/user/using/{organisation}").status_code == 403
        page = acme.get("/grafana/d/voice-overview/-", params={"orgId": organisation})
        assert page.status_code in {200, 403}
        assert shown(acme) == before


@pytest.mark.parametrize(
    "path",
    ["api/orgs", "api/users", "api/admin/settings", "api/org/users", "api/auth/keys", "api/serviceaccounts/search"],
)
def test_a_viewer_administers_nothing(acme: httpx.Client, path: str) -> None:
    assert acme.get(f"/grafana/{path}").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "api/alertmanager/grafana/config/api/v1/alerts",
        "api/alertmanager/grafana/config/api/v1/receivers",
        "api/alertmanager/grafana/config/history",
        "api/alertmanager/grafana/api/v2/status",
        "api/v1/provisioning/contact-points",
        "api/v1/notifications/receivers",
        "apis/notifications.alerting.grafana.app/v0alpha1/namespaces/org-2/receivers",
        "/api//alertmanager/grafana//config/api/v1/alerts",
        "%61pi/alertmanager/%67rafana/config/api/v1/alerts",
        "api/./alertmanager/x/../grafana/config/api/v1/alerts",
        "API/Alertmanager/grafana/config/api/v1/alerts",
        "api/alertmanager/grafana/config/api/v1/alerts/",
        "api%2Falertmanager%2Fgrafana%2Fconfig%2Fapi%2Fv1%2Falerts",
    ],
)
def test_a_viewer_does_not_learn_where_alerts_are_sent(acme: httpx.Client, path: str) -> None:
    """Grafana tells every viewer the addresses of webhooks, which may be secrets: not through the portal."""
    answer = acme.get(f"/grafana/{path}")
    assert answer.status_code in {400, 403}
    assert "receivers" not in answer.text


def test_a_viewer_is_told_of_no_datasource(acme: httpx.Client) -> None:
    assert acme.get("/grafana/api/datasources").status_code == 403


def test_a_query_of_the_staffs_dashboard_finds_no_datasource(acme: httpx.Client) -> None:
    body = grafana_query("SELECT client FROM fleet_client")
    body["queries"][0]["datasource"] = {"uid": "voice-fleet", "type": "mysql"}
    assert acme.post("/grafana/api/ds/query", json=body).status_code == 404


def test_a_header_from_the_browser_never_reaches_grafana(system: System, acme: httpx.Client) -> None:
    """The forged token is the administrator's, who has no such dashboard: it would say so."""
    forged = jwt.encode(claims("admin"), portal_key(system.lab), "RS256", headers={"kid": "voice-portal"})
    stolen = {"X-JWT-Assertion": forged, "Authorization": "Basic " + base64.b64encode(b"admin:admin").decode()}
    overview = "/grafana/api/dashboards/uid/voice-overview"
    assert acme.get(overview, headers=stolen).json()["dashboard"] == acme.get(overview).json()["dashboard"]
    with httpx.Client(base_url=system.lab.portal_url) as stranger:
        assert stranger.get(overview, headers=stolen).status_code in {302, 401, 403}


def test_without_a_session_there_is_no_grafana_and_no_token(system: System) -> None:
    with httpx.Client(base_url=system.lab.portal_url) as stranger:
        answer = stranger.post("/grafana/api/ds/query", json=grafana_query("SELECT 1"))
        assert (answer.status_code, answer.headers["location"]) == (302, "/login/"), "on whatever port the browser is"
        hidden = stranger.get("/auth/grafana")
    assert hidden.status_code == 404
    assert "x-jwt-assertion" not in hidden.headers


def test_the_token_is_not_given_to_a_browser(acme: httpx.Client) -> None:
    assert acme.get("/auth/grafana").status_code == 404
    assert "x-jwt-assertion" not in acme.get("/grafana/api/search").headers


@pytest.mark.parametrize("forgery", ["another key", "expired", "another audience", "another issuer", "no signature"])
def test_grafanas_own_port_takes_no_forged_token(system: System, forgery: str) -> None:
    key: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    wrong = {
        "another key": {},
        "expired": {"exp": datetime.now(UTC) - timedelta(minutes=5)},
        "another audience": {"aud": "portal"},
        "another issuer": {"iss": "me"},
        "no signature": {},
    }[forgery]
    algorithm = "RS256"
    if forgery == "no signature":
        key, algorithm = None, "none"
    elif forgery != "another key":
        key = portal_key(system.lab)
    token = jwt.encode(claims("client-acme", **wrong), key, algorithm, headers={"kid": "voice-portal"})
    answer = httpx.get(f"{system.lab.grafana_url}/api/user", headers={"X-JWT-Assertion": token}, timeout=10)
    assert answer.status_code == 401


def test_the_portal_hides_another_clients_probe(acme: httpx.Client) -> None:
    assert acme.get("/c/acme/probes/inbound-sales/").status_code == 200
    for path in ("/c/acme/probes/support/", "/c/globex/probes/support/", "/c/globex/", "/probes/support/"):
        assert acme.get(path).status_code == 404


def test_a_client_gets_nothing_of_the_fleet(system: System, acme: httpx.Client) -> None:
    assert acme.get("/fleet/").status_code == 403
    assert "voice-fleet" not in {hit["uid"] for hit in acme.get("/grafana/api/search").json()}
    assert acme.get("/grafana/api/dashboards/uid/voice-fleet").status_code == 404
    with httpx.Client(base_url=system.lab.grafana_url, auth=grafana.administrator(system.lab)) as admin:
        fleet = admin.get("/api/orgs/name/Fleet (all clients)").raise_for_status().json()["id"]
        logins = {user["login"] for user in admin.get(f"/api/orgs/{fleet}/users").json()}
    assert logins == {"admin", "fleet-viewer"}
    for attempt in (
        acme.get("/grafana/api/dashboards/uid/voice-fleet", headers={"X-Grafana-Org-Id": str(fleet)}),
        acme.get("/grafana/api/dashboards/uid/voice-fleet", params={"orgId": fleet}),
        acme.get("/grafana/d/voice-fleet/-", params={"orgId": fleet}),
        acme.post(f"/grafana/api/user/using/{fleet}"),
    ):
        assert attempt.status_code in {403, 404}


def test_the_fleets_viewer_sees_all_clients_and_no_client_organisation(system: System) -> None:
    token = jwt.encode(claims("fleet-viewer"), portal_key(system.lab), "RS256", headers={"kid": "voice-portal"})
    with httpx.Client(base_url=system.lab.grafana_url, headers={"X-JWT-Assertion": token}, timeout=20) as staff:
        asked = grafana_query("SELECT DISTINCT client FROM fleet_call ORDER BY client", "voice-fleet")
        frame = staff.post("/api/ds/query", json=asked).raise_for_status().json()["results"]["A"]["frames"][0]
        assert {"acme", "globex"} <= set(frame["data"]["values"][0])
        refused = staff.post("/api/ds/query", json=grafana_query("SELECT * FROM voice_client", "voice-fleet"))
        assert refused.json()["results"]["A"].get("error")
        assert [org["name"] for org in staff.get("/api/user/orgs").json()] == ["Fleet (all clients)"]
