"""The MySQL accounts, and the commands that make them and the schema."""

import json
import subprocess
import sys
import uuid
from io import StringIO
from unittest import mock

import pymysql
import pytest

from voice_portal.cdr import grants

pytestmark = pytest.mark.services


def granted(connection, account):
    """The rights that `account` has, as {(relation, privileges, may pass on)}."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.TABLE_PRIVILEGES"
            " WHERE GRANTEE = %s AND TABLE_SCHEMA = DATABASE()",
            [f"'{account}'@'%'"],
        )
        rights: dict[str, set[tuple[str, bool]]] = {}
        for relation, privilege, grantable in cursor.fetchall():
            rights.setdefault(relation, set()).add((privilege, grantable == "YES"))
        return rights


@pytest.mark.parametrize("account", [grants.OPERATOR, grants.PORTAL, grants.SIP])
def test_an_account_has_exactly_the_rights_of_the_table(database, account):
    expected = {
        grant.relation: {(privilege, grant.may_pass_on) for privilege in grant.privileges}
        for grant in grants.GRANTS
        if grant.account == account
    }
    with database.connect("admin") as connection:
        assert granted(connection, account) == expected


def test_the_sip_account_must_use_tls(database):
    env = database.environment("sip")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(
            host=env["VOICE_MYSQL_HOST"],
            port=int(env["VOICE_MYSQL_PORT"]),
            user=env["VOICE_MYSQL_USER"],
            password=env["VOICE_MYSQL_PASSWORD"],
            ssl_disabled=True,
        )


def test_the_sip_account_may_send_a_record_twice(database, records):
    client = records.client()
    row = {"uuid": uuid.uuid4().bytes, "started_at": "2026-01-01 00:00:00.123", "client": client}
    sql = (
        "INSERT INTO voice_call (uuid, started_at, client, probe, generation, sip_host, from_uri, to_uri, srtp,"
        " ended_at, disposition, duration_ms, hangup_by, audio, valid)"
        " VALUES (%(uuid)s, %(started_at)s, %(client)s, 'p', 1, 'h', 'a', 'b', 0,"
        " %(started_at)s, 'busy', 0, 'none', 'x', 1) ON DUPLICATE KEY UPDATE uuid = uuid"
    )
    with database.connect("sip") as connection, connection.cursor() as cursor:
        cursor.execute(sql, row)
        cursor.execute(sql, row)
        with pytest.raises(pymysql.OperationalError, match="denied"):
            cursor.execute("DELETE FROM voice_call WHERE client = %s", [client])
    assert records.one("SELECT COUNT(*) FROM voice_call WHERE client = %s", client) == (1,)


@pytest.fixture
def reader(database, records):
    """A client's read account, made and granted as the operator does, and the client."""
    name, password = f"vc_{uuid.uuid4().hex[:16]}", "a password for tests"
    client = records.client(account=name)
    with database.connect("operator") as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED BY %s", [password])
        for view in grants.CLIENT_VIEWS:
            cursor.execute(f"GRANT SELECT ON {view} TO '{name}'@'%'")
    env = database.environment("operator")
    login = {
        "host": env["VOICE_MYSQL_HOST"],
        "port": int(env["VOICE_MYSQL_PORT"]),
        "database": env["VOICE_MYSQL_DATABASE"],
        "user": name,
        "password": password,
        "ssl_ca": env["VOICE_MYSQL_TLS_CA"],
    }
    with pymysql.connect(**login) as connection:
        yield client, connection
    with database.connect("operator") as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER '{name}'@'%'")


def test_a_clients_account_sees_its_own_rows_and_nothing_else(records, reader):
    client, connection = reader
    other = records.client()
    for one in (client, other):
        records.probe(one)
        records.call(one)
    with connection.cursor() as cursor:
        for view, rows in (("client_call", 1), ("client_call_stream", 2), ("client_probe", 1)):
            cursor.execute(f"SELECT client FROM {view}")
            assert cursor.fetchall() == ((client,),) * rows
        for table in ("voice_call", "voice_client", "voice_probe_state", "auth_user"):
            with pytest.raises(pymysql.OperationalError, match="denied"):
                cursor.execute(f"SELECT * FROM {table}")


def test_an_account_that_no_client_names_sees_nothing(records):
    client = records.client()
    records.probe(client)
    records.call(client)
    assert records.one("SELECT COUNT(*) FROM client_call") == (0,)


def manage(env, *arguments):
    command = [sys.executable, "-m", "django", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_migrations_are_complete(portal_env):
    done = manage(portal_env, "makemigrations", "--check", "--dry-run")
    assert (done.returncode, done.stdout.strip()) == (0, "No changes detected")


def test_migrating_waits_for_another_migration(database, portal_env):
    env = {**portal_env, **database.environment("owner")}
    with database.connect("owner") as connection, connection.cursor() as cursor:
        connection.begin()
        cursor.execute("INSERT INTO voice_migration_lock (id) VALUES (1)")
        refused = manage(env, "migrate_once", "--wait", "1")
        assert refused.returncode == 1
        assert "Another migration" in refused.stderr
    done = manage(env, "migrate_once")
    assert done.returncode == 0, done.stderr


def test_a_missing_password_is_named_before_anything_is_done(portal_env):
    refused = manage({**portal_env, "VOICE_OWNER_PASSWORD": "x"}, "service_accounts")
    assert refused.returncode == 1
    for name in ("OPERATOR", "PORTAL", "SIP"):
        assert f"VOICE_{name}_PASSWORD" in refused.stderr


def test_missing_settings_are_named_at_once(portal_env):
    env = {name: value for name, value in portal_env.items() if not name.startswith("VOICE_")}
    refused = manage(env, "check")
    assert refused.returncode != 0
    assert "VOICE_MYSQL_HOST is not set" in refused.stderr
    assert "VOICE_PORTAL_SECRET_KEY is not set" in refused.stderr


def test_making_the_accounts_again_changes_nothing(database, portal_env):
    passwords = {
        f"VOICE_{account.upper()}_PASSWORD": database.environment(account)["VOICE_MYSQL_PASSWORD"]
        for account in ("owner", "operator", "portal", "sip")
    }
    done = manage({**portal_env, **database.environment("admin"), **passwords}, "service_accounts")
    assert done.returncode == 0, done.stderr
    assert not any(password in done.stdout + done.stderr for password in passwords.values())
    for account in ("owner", "operator", "portal", "sip"):
        database.connect(account).close()


def test_grants_to_an_account_that_is_missing_say_what_to_do(database, django_db):
    from django.core.management.base import CommandError

    from voice_portal.cdr.management.commands import migrate_once

    env = database.environment("owner")
    owner = {"USER": env["VOICE_MYSQL_USER"], "PASSWORD": env["VOICE_MYSQL_PASSWORD"]}
    missing = (grants.Grant("voice_nobody", "voice_call", grants.READ),)
    with (
        mock.patch.dict(django_db.settings_dict, owner),
        mock.patch.object(grants, "GRANTS", missing),
        pytest.raises(CommandError, match="run service_accounts first"),
    ):
        migrate_once.grant_rights(env["VOICE_MYSQL_DATABASE"])


def test_the_key_set_is_printed(signing_key):
    from django.core.management import call_command

    printed = StringIO()
    call_command("grafana_jwks", stdout=printed)
    (key,) = json.loads(printed.getvalue())["keys"]
    assert key["kid"] == "voice-portal"
    assert "d" not in key


def test_over_https_every_cookie_is_secure_and_the_browser_is_told_to_stay(portal_env):
    names = "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS"
    program = f"from voice_portal.config import settings as s; print({names})"
    env = {**portal_env, "VOICE_PORTAL_URL": "https://voice.example.net"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "31536000"]


@pytest.fixture
def tallies(django_db):
    """Failed sign-ins, all of which this test made."""
    from voice_portal.accounts.models import SignInTally

    before = set(SignInTally.objects.values_list("subject", flat=True))
    own = SignInTally.objects.exclude(subject__in=before)
    yield own
    own.delete()


def failed(login, address, times=1):
    """Wrong passwords of a browser at that address; the answer to the last."""
    from django.test import Client

    browser = Client()
    for _ in range(times):
        answer = browser.post("/login/local/", {"username": login, "password": "wrong"}, HTTP_X_FORWARDED_FOR=address)
    return answer


def names():
    return f"u-{uuid.uuid4().hex[:12]}", f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"


def test_addresses_of_one_ipv6_network_of_64_bits_are_one(tallies):
    login, network = names()
    codes = [failed(login, f"{network}:{host:x}::1").status_code for host in range(6)]
    assert codes == [200] * 5 + [429]


def test_no_name_and_no_address_can_be_read_in_the_table_of_failed_sign_ins(tallies):
    login, network = names()
    failed(login, f"{network}::1")
    rows = [str(row) for row in tallies.values_list()]
    assert len(rows) == 3
    assert not any(text in row for row in rows for text in (login, network))


def test_failed_sign_ins_that_no_limit_remembers_are_deleted(tallies, monkeypatch):
    from datetime import UTC, datetime, timedelta

    from voice_portal.accounts import tallies as counting

    login, network = names()
    failed(login, f"{network}::1")
    old = set(tallies.values_list("subject", flat=True))
    tallies.update(last_at=datetime.now(UTC) - timedelta(hours=1, seconds=1))
    monkeypatch.setattr(counting, "_purged_at", -float("inf"))
    login, network = names()
    failed(login, f"{network}::1")
    assert tallies.count() == 3
    assert not old & set(tallies.values_list("subject", flat=True))


@pytest.mark.parametrize("arguments", [["{login}"], ["--address", "{address}"], ["{login}", "--address", "{address}"]])
def test_unlock_sign_in_lets_somebody_try_again(tallies, arguments):
    from django.core.management import call_command

    login, network = names()
    address = f"{network}::1"
    assert failed(login, address, 6).status_code == 429
    said = StringIO()
    call_command("unlock_sign_in", *(text.format(login=login, address=address) for text in arguments), stdout=said)
    assert said.getvalue() == "may try again at once\n"
    assert failed(login, address).status_code == 200


def test_unlock_sign_in_of_an_account_leaves_those_of_others(tallies):
    from django.core.management import call_command

    (login, network), (other, _) = names(), names()
    for one in (login, other):
        failed(one, f"{network}::1", 6)
    call_command("unlock_sign_in", login, stdout=StringIO())
    assert failed(other, f"{network}::1").status_code == 429
    said = StringIO()
    call_command("unlock_sign_in", "nobody-at-all", stdout=said)
    assert said.getvalue() == "nothing was counted: there is nothing to unlock\n"


@pytest.mark.parametrize("arguments", [[], ["--address", "everywhere"]])
def test_unlock_sign_in_says_what_it_needs(arguments):
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match=r"Name a login|no IPv4 or IPv6 address"):
        call_command("unlock_sign_in", *arguments)


def test_behind_a_load_balancer_that_is_named_each_has_an_address_of_its_own(tallies, monkeypatch):
    import ipaddress
    from dataclasses import replace

    from django.conf import settings

    trusted = (ipaddress.ip_network("10.0.0.0/8"),)
    monkeypatch.setattr(settings, "ENV", replace(settings.ENV, trusted_proxies=trusted))
    login, network = names()
    assert failed(login, f"{network}::1, 10.0.0.1", 6).status_code == 429
    assert failed(login, f"{network[:-4]}fffe::1, 10.0.0.1").status_code == 200
    assert failed(login, f"203.0.113.5, {network}::2, 10.0.0.2").status_code == 429
