"""The portal against a real database: Django logs in as `voice_portal`, rows are written as their owner.

Assumes the fixture `database` of tests/conftest.py: `.environment(account)` gives VOICE_MYSQL_*, `.connect(account)` an
autocommitting connection. Other tests share the server, so every test makes clients of its own.
"""

import hashlib
import json
import os
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from tests import portal

portal.set_up()


@pytest.fixture
def portal_env(database):
    """The settings as a process of the portal reads them, for tests that start one."""
    return {**os.environ, **portal.ENVIRONMENT, **database.environment("portal")}


@pytest.fixture
def django_db(database):
    """Django's own connection, to the test's server."""
    from django.db import connection

    changes = portal.database_of(database.environment("portal"))
    connection.close()
    with mock.patch.dict(connection.settings_dict, changes):
        yield connection
        connection.close()


@pytest.fixture
def signing_key(tmp_path, monkeypatch):
    """The portal's key, in the file that its settings name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / "key.pem"
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*encoding))
    monkeypatch.setattr(settings, "ENV", replace(settings.ENV, grafana_jwt_key_file=path))
    return key


CLIENT_TABLES = (
    "voice_call", "voice_call_stream", "voice_call_interval", "voice_call_ladder", "voice_call_recording",
    "voice_call_request", "voice_probe", "voice_client",
)  # fmt: skip
PROBE = {
    "generation": 1, "display_name": "Inbound sales", "dialer_address": "sip:probe@example.net",
    "destination": "sip:+442071838750@sbc.example.net", "receiver_address": "sip:agent@example.net",
    "answer_after_ms": 2000, "every_ms": 300_000, "time_zone": "UTC", "duration_ms": 30_000, "dtmf": "[]",
    "codecs": '["PCMA"]', "audio": "speech-en", "media_encryption": "none", "mos_warning": 4, "mos_critical": 3.6,
    "loss_pct_warning": 0.5, "loss_pct_critical": 2, "jitter_ms_warning": 20, "jitter_ms_critical": 40,
    "pdd_ms_warning": 3000, "pdd_ms_critical": 6000, "late_media_ms_warning": 1000, "late_media_ms_critical": 3000,
    "alerting_enabled": 1, "alerting_for_ms": 600_000, "suspended": 0,
}  # fmt: skip
CALL = {
    "generation": 1, "sip_host": "test", "from_uri": "sip:a", "to_uri": "sip:b", "srtp": 0, "disposition": "answered",
    "sip_code": 200, "sip_reason": "OK", "pdd_ms": 900, "duration_ms": 30_000, "hangup_by": "local",
    "audio": "speech-en", "valid": 1,
}  # fmt: skip
STREAM = {
    "sip_host": "test", "codec": "PCMA", "rtp_rx": 1500, "loss_pct": 0.1, "jitter_ms": 5, "mos_cq": 4.3, "one_way": 0,
    "valid": 1,
}  # fmt: skip


def now():
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass
class Records:
    """Writes rows of clients that nobody else uses, and takes them away again."""

    connection: object
    clients: list[str] = field(default_factory=list)

    def insert(self, table, **values):
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        with self.connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))

    def client(self, **changes):
        name = f"t-{uuid.uuid4().hex[:12]}"
        self.clients.append(name)
        values = {"display_name": f"Client {name}", "time_zone": "UTC", "updated_at": now()}
        values |= {"access": portal.access(name), **changes}
        self.insert("voice_client", client=name, **values)
        return name

    def probe(self, client, probe="inbound", **changes):
        values = {**PROBE, "uid": str(uuid.uuid4()), "updated_at": now(), **changes}
        self.insert("voice_probe", client=client, probe=probe, **values)

    def call(self, client, probe="inbound", *, ago=60, forward=None, reverse=None, **changes):
        """A call that began `ago` seconds ago; `forward` and `reverse` change a stream, False leaves it out."""
        identity = {"uuid": uuid.uuid4().bytes, "started_at": now() - timedelta(seconds=ago), "client": client}
        identity["probe"] = probe
        values = {**CALL, "ended_at": identity["started_at"] + timedelta(seconds=32), **changes}
        self.insert("voice_call", **identity, **values)
        for direction, stream in (("forward", forward), ("reverse", reverse)):
            if stream is not False:
                row = {**STREAM, "valid": values["valid"], **(stream or {})}
                self.insert("voice_call_stream", direction=direction, **identity, **row)
        return uuid.UUID(bytes=identity["uuid"])

    def seconds(self, call, direction, seconds):
        """A sample for each of `seconds`: (MOS, packets lost of 50, jitter)."""
        for number, (mos, lost, jitter) in enumerate(seconds):
            values = {"rtp_expected": 50, "rtp_lost": lost, "rtp_discarded": 0, "jitter_ms": jitter, "mos_cq": mos}
            values |= {"second": number, "direction": direction, "level_dbov": -26}
            self.insert("voice_call_interval", **self._identity(call), **values)

    def ladder(self, call, leg, *messages):
        """The SIP messages of a leg: (milliseconds, whether sent, text)."""
        keys = ("ms", "sent", "text")
        texts = [{"peer": "[fd77:a::1]:5060", **dict(zip(keys, message, strict=True))} for message in messages]
        self.insert("voice_call_ladder", leg=leg, messages=json.dumps(texts), **self._identity(call))

    def recording(self, call, direction="forward", content=bytes(range(256)) * 400, **changes):
        """What was heard in a direction of a call: a tone of ten seconds, unless said otherwise."""
        values = {
            "sip_host": "test",
            "rate_hz": 8000,
            "duration_ms": 10_000,
            "whole_ms": 10_000,
            "octets": len(content),
        }
        values |= {"sha256": hashlib.sha256(content).digest(), "peaks": b"\xd0\x30" * 400, "content": content}
        self.insert("voice_call_recording", direction=direction, **(self._identity(call) | values | changes))
        return content

    def request(self, client, probe="inbound", *, ago=1, **changes):
        """A call that was asked for `ago` seconds ago; its id."""
        values = {"requested_by": "somebody", "requested_at": now() - timedelta(seconds=ago), **changes}
        self.insert("voice_call_request", client=client, probe=probe, **values)
        return self.one("SELECT LAST_INSERT_ID()")[0]

    def _identity(self, call):
        row = self.one("SELECT uuid, started_at, client, probe FROM voice_call WHERE uuid = %s", call.bytes)
        return dict(zip(("uuid", "started_at", "client", "probe"), row, strict=True))

    def one(self, sql, *parameters):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchone()

    def clear(self):
        for table in CLIENT_TABLES:
            with self.connection.cursor() as cursor:
                for client in self.clients:
                    cursor.execute(f"DELETE FROM {table} WHERE client = %s", [client])


@pytest.fixture
def records(database):
    """Rows in the voice tables."""
    with database.connect("owner") as connection:
        made = Records(connection)
        yield made
        made.clear()


@pytest.fixture
def log_in(django_db):
    """A function that makes somebody with that role in the given clients, and gives a browser of theirs, signed in."""
    from django.contrib.auth.models import User
    from django.test import Client

    users = []

    def log_in(*clients, role="engineer", is_staff=False):
        user = portal.make_user(*clients, role=role, is_staff=is_staff)
        users.append(user.pk)
        browser = Client(raise_request_exception=False)
        browser.force_login(user)
        browser.user = user
        return browser

    yield log_in
    User.objects.filter(pk__in=users).delete()
