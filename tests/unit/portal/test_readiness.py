"""What is said of a database that cannot be used, to whom, and how often."""

import json
import logging
import socket
import ssl
import time

import pymysql
import pytest
from django.db import InternalError, OperationalError

from voice_portal.config import readyz, schema, watching
from voice_portal.config.errors import is_not_yet
from voice_portal.config.readiness import Look, Told
from voice_portal.config.readyz import Answers
from voice_portal.config.refusals import Refusal, refusal

CODE = frozenset({("cdr", "0001_initial"), ("cdr", "0002_more"), ("auth", "0001_initial")})


def met(cause, text="it failed"):
    """What Django raises when PyMySQL met `cause` while it connected."""
    inner = pymysql.OperationalError(2003, text)
    inner.original_exception = cause
    outer = OperationalError(2003, text)
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "sentence", "may_pass"),
    [
        (met(ConnectionRefusedError()), "nothing listens at db:3306: is MySQL running", True),
        (met(TimeoutError()), "MySQL at db:3306 keeps silent: is it running, and may the pod reach it", True),
        (met(socket.gaierror(-2, "unknown")), "no address is known for MySQL at db:3306", True),
        (met(ssl.SSLCertVerificationError("x")), "is not trusted: VOICE_MYSQL_TLS_CA must hold", False),
        (met(ssl.SSLError("x")), "does not answer by TLS: it must offer TLS 1.2", False),
        (OperationalError(2003, "VOICE_MYSQL_TLS_CA names /gone"), "VOICE_MYSQL_TLS_CA names /gone", False),
        (OperationalError(1040, "Too many connections"), "the database does not answer: Too many", True),
        (OperationalError(1045, "Access denied"), "refuses the login of voice_x, so password or user is wrong", False),
        (OperationalError(1044, "Access denied"), "has no such database, or none that voice_x may use", False),
        (OperationalError(1142, "Denied"), "denies voice_x a right, which the migration grants", False),
        (OperationalError(4151, "Locked"), "lets voice_x not log in: it must be unlocked", False),
        (OperationalError(2026, "No SSL"), "does not answer by TLS: it must offer TLS 1.2 or newer (No SSL)", True),
        (OperationalError(2013, "Lost connection during query (timed out)"), "MySQL at db:3306 keeps silent", True),
        (met(OSError(113, "No route to host")), "MySQL at db:3306 keeps silent", True),
        (InternalError("Packet sequence number wrong"), "what answers at db:3306 is not MySQL", False),
        (OperationalError(1049, "Unknown database"), "has no such database: VOICE_MYSQL_DATABASE must name it", False),
        (OperationalError(1146, "Table"), "the schema is not this portal's: run the migration", False),
    ],
)
def test_an_error_becomes_a_sentence_with_the_mend_and_one_for_strangers(error, sentence, may_pass):
    found = refusal(error, "db:3306", "voice_x")
    assert sentence in found.sentence
    assert found.may_pass == may_pass
    assert not any(word in found.public for word in ("db", "3306", "voice_x", "VOICE"))


def test_a_login_that_is_refused_and_a_schema_that_is_behind_are_not_yet():
    assert is_not_yet(OperationalError(1045, "Access denied"))
    assert not is_not_yet(OperationalError(1213, "Deadlock"))
    assert not is_not_yet(ValueError(1045))
    assert not is_not_yet(None)


def test_migrations_are_known_by_the_names_of_their_files():
    assert ("cdr", "0001_initial") in schema.known()
    assert ("accounts", "0001_initial") in schema.known()
    assert ("sessions", "0001_initial") in schema.known()
    assert not any(name.startswith("_") for _, name in schema.known())


def test_a_schema_is_older_newer_or_the_same():
    assert schema.older(CODE, CODE) is None
    older = schema.older(CODE, CODE - {("cdr", "0002_more")})
    assert older
    assert "it lacks cdr.0002_more: run the migration" in older.sentence
    assert schema.newer(CODE, CODE | {("elsewhere", "0001")}) == ""
    assert "it has cdr.0003_next: bring the portal" in schema.newer(CODE, CODE | {("cdr", "0003_next")})


def test_a_reason_is_a_line_when_it_is_new(caplog):
    told, away = Told(), Look((Refusal("away", "MySQL is away"),))
    with caplog.at_level(logging.INFO):
        for found in (Look(), away, away, Look(note="newer"), Look(note="newer")):
            told.tell(found)
    assert [r.getMessage() for r in caplog.records] == ["not ready: MySQL is away", "ready", "newer"]


def written(folder, *waiting, age=0.0):
    (folder / "readiness").write_text(json.dumps({"at": time.time() - age, "waitingFor": waiting, "note": ""}))


def test_a_portal_that_could_work_once_stays_ready_and_says_what_it_waits_for(tmp_path):
    answers = Answers(tmp_path)
    assert answers.now() == (False, {"ready": False, "waitingFor": [readyz.STARTING]})
    written(tmp_path, "MySQL is away")
    assert answers.now() == (False, {"ready": False, "waitingFor": ["MySQL is away"]})
    written(tmp_path)
    assert answers.now() == (True, {"ready": True, "waitingFor": []})
    written(tmp_path, "MySQL is away")
    assert answers.now() == (True, {"ready": True, "waitingFor": ["MySQL is away"]})
    written(tmp_path, age=2 * readyz.STALE_SECONDS)
    assert answers.now() == (True, {"ready": True, "waitingFor": [readyz.STALE]})


def test_looks_are_spread_and_never_rarer_than_usual_by_more_than_a_quarter():
    assert all(watching.LOOK_SECONDS * 0.75 <= watching.pause(0) <= watching.LOOK_SECONDS * 1.25 for _ in range(50))
    assert watching.pause(1) <= 1.25
    assert watching.pause(10_000) <= watching.LOOK_SECONDS * 1.25
