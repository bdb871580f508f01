"""Another SIP application's records, through the views of docs/commercial-sip-application.md, as everybody sees them.

The document itself is run: what a reader copies from it is what is tested.
"""

import re
import uuid
from datetime import timedelta

import pymysql
import pytest
from django.core.cache import cache

from tests.integration.portal.conftest import now
from tests.integration.portal.test_accounts import manage
from voice_portal.cdr.management.commands.map_calls import copy_calls
from voice_portal.cdr.models import ProbeState
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend

pytestmark = pytest.mark.services
# Of its own for each test worker.
SCHEMA, MAPPER = f"vendor_{uuid.uuid4().hex[:8]}", f"mapper_{uuid.uuid4().hex[:8]}"
PASSWORD = "a password for the mapper"
SETTLE_S = 30
LEG = {
    "agent": "agent-1", "sip_call_id": "x@vendor", "source_uri": "sip:a@x", "dest_uri": "sip:b@y", "transport": "UDP",
    "media_security": "N", "release_cause": "NORMAL", "release_side": "LOCAL", "sip_response": 200, "sip_reason": "OK",
    "prompt": "vendor-speech", "coder": "g711Alaw64k", "packet_interval": 20, "packets_sent": 1500,
    "packets_received": 1500, "packets_lost": 0, "jitter": 3, "round_trip": 40, "r_factor": 91, "mos_cq": 43,
    "mos_lq": 44, "agent_overload": "N",
}  # fmt: skip


def statements(root):
    """The SQL of the document, statement by statement, with names of this worker's own."""
    text = (root / "docs" / "commercial-sip-application.md").read_text()
    sql = re.sub(r"--[^\n]*", "", "".join(re.findall(r"```sql\n(.*?)```", text, re.DOTALL)))
    sql = re.sub(r"\bvendor\b", SCHEMA, sql).replace("voice_mapper", MAPPER).replace("<a generated password>", PASSWORD)
    return [one.strip() for one in sql.split(";") if one.strip()]


def view_of(request, table):
    """The statement that makes that view."""
    (found,) = (one for one in statements(request.config.rootpath) if f"VIEW {SCHEMA}.{table} AS" in one)
    return found


@pytest.fixture(scope="module")
def vendor(database, request):
    """The schema of the other application, its views and the account that copies, made by the document."""
    with database.connect("admin") as connection, connection.cursor() as cursor:
        for statement in statements(request.config.rootpath):
            cursor.execute(statement)
        yield connection
        cursor.execute(f"DROP DATABASE {SCHEMA}")
        cursor.execute(f"DROP USER {MAPPER}@'%'")


class Vendor:
    """Writes records as the other application does."""

    def __init__(self, connection):
        self.connection = connection

    def path(self, client, probe="inbound"):
        """A test that is that probe; its name."""
        name = f"Test {uuid.uuid4()}"
        self._insert("voice_path", test_name=name, client=client, probe=probe)
        return name

    def leg(self, test, leg, *, session, ago=60, answered=True, **changes):
        at = now() - timedelta(seconds=ago)
        times = {"setup_time": at, "release_time": at + timedelta(seconds=15)}
        if answered:
            times |= {"alert_time": at + timedelta(seconds=1), "connect_time": at + timedelta(seconds=3)}
        self._insert("cdr_leg", test_name=test, leg=leg, session_id=session, **{**LEG, **times, **changes})

    def call(self, test, *, originating=None, terminating=None, **common):
        """Both legs of a call; the uuid that it will have."""
        session = uuid.uuid4().hex
        self.leg(test, "ORIG", session=session, **common, **(originating or {}))
        if terminating is not False:
            self.leg(test, "TERM", session=session, **common, **(terminating or {}))
        return session

    def _insert(self, table, **values):
        with self.connection.cursor() as cursor:
            names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
            cursor.execute(f"INSERT INTO {SCHEMA}.{table} ({names}) VALUES ({marks})", list(values.values()))


@pytest.fixture
def theirs(vendor):
    yield Vendor(vendor)
    with vendor.cursor() as cursor:
        cursor.execute(f"DELETE FROM {SCHEMA}.cdr_leg")
        cursor.execute(f"DELETE FROM {SCHEMA}.voice_path")


@pytest.fixture
def copy(database, django_db):
    """Copies once, as the account of the document."""
    settings = django_db.settings_dict

    def copy(since=None):
        before = settings["USER"], settings["PASSWORD"]
        django_db.close()
        settings["USER"], settings["PASSWORD"] = MAPPER, PASSWORD
        try:
            return copy_calls(SCHEMA, since or now() - timedelta(hours=1), SETTLE_S)
        finally:
            django_db.close()
            settings["USER"], settings["PASSWORD"] = before

    return copy


@pytest.fixture
def acme(records):
    client = records.client()
    records.probe(client)
    return client


def state(client):
    return ProbeState.objects.for_client(client).get()


def test_a_good_call_makes_its_probe_healthy(theirs, copy, acme, django_db):
    theirs.call(theirs.path(acme))
    assert state(acme).health == "NoData"
    assert copy() == {"voice_call": 1, "voice_call_stream": 2}
    probe = state(acme)
    assert (probe.health, probe.disposition, probe.pdd_ms) == ("Healthy", "answered", 1000)
    assert (float(probe.mos_forward), float(probe.mos_reverse)) == (4.3, 4.3)


def test_each_direction_is_what_its_listener_received(theirs, copy, acme, records):
    heard_by_agent = {"packets_received": 1470, "packets_lost": 30, "mos_cq": 37, "jitter": 12}
    theirs.call(theirs.path(acme), terminating=heard_by_agent, originating={"packets_sent": 1501})
    copy()
    columns = "rtp_tx, rtp_rx, rtp_expected, rtp_lost, loss_pct, jitter_ms, mos_cq, codec, rtt_ms"
    sql = f"SELECT {columns} FROM voice_call_stream WHERE client = %s AND direction = %s"
    forward, reverse = (records.one(sql, acme, direction) for direction in ("forward", "reverse"))
    assert [str(value) for value in forward[:4]] == ["1501", "1470", "1500", "30"]
    assert [str(value) for value in forward[4:]] == ["2.000", "12.000", "3.700", "PCMA", "40.000"]
    assert [str(value) for value in reverse[:4]] == ["1500", "1500", "1500", "0"]
    assert state(acme).health == "Degraded"


@pytest.mark.parametrize(
    ("leg", "disposition"),
    [
        ({"sip_response": 486, "sip_reason": "Busy Here"}, "busy"),
        ({"sip_response": 503}, "failed"),
        ({"sip_response": 480}, "no_answer"),
        ({"sip_response": 408}, "timeout"),
        ({"sip_response": None}, "timeout"),
        ({"release_cause": "TEST_SETUP_ERROR", "sip_reason": "No such prompt"}, "configuration_error"),
    ],
)
def test_a_call_that_was_not_answered_is_unhealthy_for_its_reason(theirs, copy, acme, leg, disposition, django_db):
    nothing = {"coder": None, "packets_received": 0, "release_side": "NONE", "mos_cq": 127, "r_factor": 127}
    theirs.call(theirs.path(acme), answered=False, originating={**nothing, **leg}, terminating=False)
    copy()
    probe = state(acme)
    assert (probe.disposition, probe.health) == (disposition, "Unhealthy")
    assert probe.sip_reason == leg.get("sip_reason", "OK")


def test_a_direction_that_received_nothing_is_one_way_and_has_no_mos(theirs, copy, acme, records):
    unheard = {"packets_received": 0, "mos_cq": 10, "r_factor": 0, "jitter": 0, "round_trip": -1}
    theirs.call(theirs.path(acme), terminating=unheard)
    copy()
    columns = "one_way, mos_cq, r_factor, loss_pct, jitter_ms, rtt_ms, rtp_rx"
    row = records.one(f"SELECT {columns} FROM voice_call_stream WHERE client = %s AND direction = 'forward'", acme)
    assert row == (1, None, None, None, None, None, 0)
    assert state(acme).health == "Unhealthy"


def test_what_was_not_measured_is_null(theirs, copy, acme, records):
    theirs.call(theirs.path(acme), terminating={"mos_cq": 127, "mos_lq": 127, "r_factor": 127})
    copy()
    row = records.one(
        "SELECT mos_cq, mos_lq, r_factor FROM voice_call_stream WHERE client = %s AND direction = 'forward'", acme
    )
    assert row == (None, None, None)
    assert state(acme).health == "Healthy"


def test_an_agent_that_was_too_slow_says_nothing_about_the_path(theirs, copy, acme, django_db):
    theirs.call(theirs.path(acme), originating={"agent_overload": "Y", "mos_cq": 10})
    copy()
    assert state(acme).health == "NoData"


@pytest.fixture
def to_the_microsecond(vendor):
    """The other application tells times more finely than our tables do, which servers round (MySQL) or cut."""
    change = f"ALTER TABLE {SCHEMA}.cdr_leg MODIFY setup_time DATETIME(%s) NOT NULL"
    with vendor.cursor() as cursor:
        cursor.execute(change, [6])
        yield
        cursor.execute(f"DELETE FROM {SCHEMA}.cdr_leg")
        cursor.execute(change, [3])


@pytest.mark.parametrize("microsecond", [123_400, 123_600])
@pytest.mark.usefixtures("to_the_microsecond")
def test_a_time_finer_than_a_millisecond_keeps_its_streams(theirs, copy, acme, microsecond, django_db):
    at = (now() - timedelta(seconds=60)).replace(microsecond=microsecond)
    theirs.call(theirs.path(acme), originating={"setup_time": at})
    assert copy() == {"voice_call": 1, "voice_call_stream": 2}
    assert copy() == {"voice_call": 0, "voice_call_stream": 0}
    assert state(acme).health == "Healthy"


def test_copying_twice_copies_once(theirs, copy, acme):
    theirs.call(theirs.path(acme))
    assert copy() == {"voice_call": 1, "voice_call_stream": 2}
    assert copy() == {"voice_call": 0, "voice_call_stream": 0}


def test_a_leg_that_comes_late_is_added(theirs, copy, acme, django_db):
    test = theirs.path(acme)
    session = theirs.call(test, terminating=False)
    assert copy() == {"voice_call": 1, "voice_call_stream": 1}
    assert state(acme).health == "Unhealthy", "nobody has said what the agent heard"
    theirs.leg(test, "TERM", session=session)
    assert copy() == {"voice_call": 0, "voice_call_stream": 1}
    assert state(acme).health == "Healthy"


def test_a_call_waits_until_both_of_its_records_must_be_there(theirs, copy, acme):
    theirs.call(theirs.path(acme), ago=20)
    assert copy()["voice_call"] == 0


def test_old_calls_are_copied_when_asked_for(theirs, copy, acme):
    theirs.call(theirs.path(acme), ago=90_000)
    assert copy()["voice_call"] == 0
    assert copy(now() - timedelta(days=2))["voice_call"] == 1


def test_a_test_of_nobody_is_not_copied(theirs, copy):
    theirs.call("a test without a probe")
    assert copy() == {"voice_call": 0, "voice_call_stream": 0}


def test_the_portal_shows_them_like_any_other(theirs, copy, acme, log_in):
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    theirs.call(theirs.path(acme))
    copy()
    browser = log_in(acme)
    shown = browser.get(f"/c/{acme}/probes/inbound/").content.decode()
    (address,) = re.findall(rf'href="(/c/{acme}/calls/[^"]+)"><time[^>]*>[^<]*</time></a></th>', shown)
    page = browser.get(address).content.decode()
    assert "vendor-speech" in page
    assert "x@vendor" in page
    assert "Hung up by this host" in page
    cache.clear()


def test_no_client_sees_anothers(theirs, copy, records, acme, log_in, database):
    other = records.client(account=f"vc_{uuid.uuid4().hex[:16]}")
    records.probe(other)
    theirs.call(theirs.path(other), originating={"sip_call_id": "secret@vendor"})
    copy()
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    browser = log_in(acme)
    call = uuid.UUID(bytes=records.one("SELECT uuid FROM voice_call WHERE client = %s", other)[0])
    assert browser.get(f"/c/{acme}/calls/{call}/").status_code == 404
    assert str(call) not in browser.get(f"/c/{acme}/probes/inbound/").content.decode()
    cache.clear()


def test_a_clients_account_sees_its_own_copied_rows_alone(theirs, copy, records, database):
    names = [f"vc_{uuid.uuid4().hex[:16]}" for _ in range(2)]
    clients = [records.client(account=name) for name in names]
    for client in clients:
        records.probe(client)
        theirs.call(theirs.path(client))
    copy()
    env = database.environment("operator")
    with database.connect("operator") as connection, connection.cursor() as cursor:
        try:
            for name, client in zip(names, clients, strict=True):
                cursor.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED BY %s", [PASSWORD])
                for view in ("client_call", "client_call_stream", "client_probe"):
                    cursor.execute(f"GRANT SELECT ON {view} TO '{name}'@'%'")
                login = {"host": env["VOICE_MYSQL_HOST"], "port": int(env["VOICE_MYSQL_PORT"]), "database": "voice"}
                with pymysql.connect(**login, user=name, password=PASSWORD) as mine, mine.cursor() as asking:
                    asking.execute("SELECT client, COUNT(*) FROM client_call_stream GROUP BY client")
                    assert asking.fetchall() == ((client, 2),)
                    asking.execute("SELECT client, health FROM client_probe")
                    assert asking.fetchall() == ((client, "Healthy"),)
        finally:
            for name in names:
                cursor.execute(f"DROP USER IF EXISTS '{name}'@'%'")


def test_a_stream_belongs_to_whom_its_call_belongs(theirs, copy, acme, records, vendor, request):
    """A view whose streams name another client than their call does must not carry one client's media to another."""
    victim = records.client()
    theirs.call(theirs.path(acme))
    right = view_of(request, "voice_call_stream")
    with vendor.cursor() as cursor:
        cursor.execute(right.replace("p.client,", f"'{victim}' AS client,"))
        try:
            copy()
        finally:
            cursor.execute(right)
    assert records.one("SELECT COUNT(*) FROM voice_call_stream WHERE client = %s", victim) == (0,)
    assert records.one("SELECT COUNT(*) FROM voice_call_stream WHERE client = %s", acme) == (2,)


def test_the_account_that_copies_may_do_nothing_else(vendor, database):
    env = database.environment("sip")
    login = {"host": env["VOICE_MYSQL_HOST"], "port": int(env["VOICE_MYSQL_PORT"]), "ssl_ca": env["VOICE_MYSQL_TLS_CA"]}
    with pymysql.connect(**login, user=MAPPER, password=PASSWORD) as connection, connection.cursor() as cursor:
        for forbidden in (
            f"SELECT * FROM {SCHEMA}.cdr_leg", "SELECT * FROM voice.voice_client", "SELECT * FROM voice.voice_probe",
            "DELETE FROM voice.voice_call", "SELECT * FROM voice.auth_user",
        ):  # fmt: skip
            with pytest.raises(pymysql.OperationalError, match="denied"):
                cursor.execute(forbidden)


@pytest.fixture
def command(database, vendor, portal_env):
    """Runs `map_calls` as a process of its own, as the account of the document."""
    env = {**portal_env, "VOICE_MYSQL_USER": MAPPER, "VOICE_MYSQL_PASSWORD": PASSWORD}
    return lambda *arguments: manage(env, "map_calls", *arguments)


def test_the_command_copies(theirs, command, acme, records):
    theirs.call(theirs.path(acme), ago=90_000)
    since = f"{now() - timedelta(days=2):%Y-%m-%dT%H:%M}"
    done = command(SCHEMA, "--since", since)
    assert (done.returncode, done.stderr) == (0, "")
    assert "voice_call: 1 new rows" in done.stdout
    assert "voice_call_stream: 2 new rows" in done.stdout


def test_a_view_that_does_not_fit_is_a_sentence(theirs, command, vendor, request):
    right = view_of(request, "voice_call")
    wrong = {
        "columns that docs/cdr.md does not know: from_number": right.replace("AS from_uri", "AS from_number"),
        "lacks columns: audio": right.replace("o.prompt AS audio,", ""),
    }
    with vendor.cursor() as cursor:
        try:
            for sentence, sql in wrong.items():
                cursor.execute(sql)
                refused = command(SCHEMA)
                assert refused.returncode == 1
                assert sentence in refused.stderr
                assert "Traceback" not in refused.stderr
        finally:
            cursor.execute(right)


def test_a_record_that_the_tables_refuse_copies_nothing_and_says_why(theirs, copy, acme, records):
    test = theirs.path(acme)
    theirs.call(test)
    theirs.call(test, originating={"sip_response": -1, "sip_reason": "x"})
    from django.db import DatabaseError

    with pytest.raises(DatabaseError, match="sip_code"):
        copy()
    assert records.one("SELECT COUNT(*) FROM voice_call WHERE client = %s", acme) == (0,)


@pytest.mark.parametrize("schema", ["no such", "x;y", "nowhere"])
def test_a_schema_that_is_none_is_a_sentence(command, schema):
    refused = command(schema)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert refused.stderr.count("\n") <= 2
