from dataclasses import replace

import pymysql
import pytest

from voiceprobe_operator.database import Database, sql
from voiceprobe_operator.database.refusals import translated
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.secretvalue import SecretValue


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (pymysql.ProgrammingError(1146, "Table 'voice.voice_probe' doesn't exist"), Transient, "SchemaMissing"),
        (pymysql.OperationalError(1049, "Unknown database 'voice'"), Transient, "SchemaMissing"),
        (pymysql.OperationalError(1142, "SELECT command denied"), Transient, "DatabaseDenied"),
        (pymysql.OperationalError(1044, "Access denied to database 'voice'"), Transient, "DatabaseDenied"),
        (pymysql.OperationalError(4151, "This account is locked"), Transient, "DatabaseDenied"),
        (pymysql.InternalError("Packet sequence number wrong"), Transient, "DatabaseUnavailable"),
        (pymysql.OperationalError(1364, "Field 'x' has no default value"), Transient, "SchemaNewer"),
        (pymysql.OperationalError(2003, "Can't connect"), Transient, "DatabaseUnavailable"),
        (pymysql.OperationalError(1213, "Deadlock found"), Transient, "DatabaseUnavailable"),
        (pymysql.InterfaceError("closed"), Transient, "DatabaseUnavailable"),
        (pymysql.DataError(1406, "Data too long"), Rejected, "DatabaseRejected"),
    ],
)
def test_an_error_becomes_a_decision_and_a_sentence(error, kind, reason):
    outcome = translated(error)
    assert type(outcome) is kind
    assert outcome.reason == reason
    assert "database" in outcome.sentence or "MySQL" in outcome.sentence


async def test_a_database_that_is_away_is_transient(settings, monkeypatch):
    def refuse(**_):
        raise pymysql.OperationalError(2003, "Can't connect")

    monkeypatch.setattr(pymysql, "connect", refuse)
    with pytest.raises(Transient, match="Can't connect"):
        await Database(settings).states()
    with pytest.raises(Transient, match="Can't connect"):
        await Database(settings).ensure_account("vc_1", "secret")


async def test_an_authority_that_vanished_is_a_sentence(settings, tmp_path):
    database = Database(replace(settings, mysql_tls_ca=tmp_path / "gone.pem"))
    with pytest.raises(Transient, match=r"cannot read .*gone\.pem"):
        await database.states()
    with pytest.raises(Transient, match=r"cannot read .*gone\.pem"):
        await database.ensure_account("vc_1", "secret")


@pytest.mark.parametrize("name", ["voice; DROP", "`voice`", "", "x" * 65, "vöice"])
def test_a_name_that_would_need_quoting_is_refused(name):
    with pytest.raises(ValueError, match="not usable"):
        sql.identifier(name)


class Cursor:
    def __init__(self):
        self.statements: list[tuple[str, object]] = []

    def execute(self, statement, values=None):
        self.statements.append((statement, values))

    def fetchall(self):
        return [{"version": "8.0.36"}]


def test_a_row_is_inserted_or_updated_with_its_values_bound():
    cursor = Cursor()
    sql.upsert(cursor, "voice_client", [{"client": "acme", "display_name": "'; DROP"}])
    assert cursor.statements == [
        (
            "INSERT INTO voice_client (client, display_name, updated_at) VALUES (%s, %s, UTC_TIMESTAMP(3))"
            " ON DUPLICATE KEY UPDATE display_name = VALUES(display_name), updated_at = VALUES(updated_at)",
            ["acme", "'; DROP"],
        )
    ]


def test_many_rows_are_one_statement():
    cursor = Cursor()
    sql.upsert(cursor, "voice_client", [{"client": "acme"}, {"client": "globex"}])
    ((statement, values),) = cursor.statements
    assert "VALUES (%s, UTC_TIMESTAMP(3)), (%s, UTC_TIMESTAMP(3)) ON" in statement
    assert values == ["acme", "globex"]


def test_nothing_is_removed_when_nothing_is_gone():
    cursor = Cursor()
    sql.remove_probes(cursor, "acme", ())
    assert cursor.statements == []


def test_an_account_may_read_the_views_and_nothing_else():
    cursor = Cursor()
    sql.make_account(cursor, "voice", "vc_1", "secret", sql.CLIENT_VIEWS, tls=True)
    text = " ".join(statement for statement, _ in cursor.statements)
    assert "REQUIRE SSL WITH MAX_USER_CONNECTIONS 20 PASSWORD REQUIRE CURRENT" in text
    assert "secret" not in text
    grants = [statement for statement, _ in cursor.statements if statement.startswith("GRANT")]
    assert grants == [f"GRANT SELECT ON `voice`.`{view}` TO %s@'%%'" for view in sql.CLIENT_VIEWS]


def connecting(settings, tmp_path, monkeypatch, right):
    """The operator's database, whose server takes the password `right()` alone; the passwords that were tried."""
    (tmp_path / "password").write_text("old")
    file = SecretValue.of("VOICE_MYSQL_PASSWORD", {"VOICE_MYSQL_PASSWORD_FILE": str(tmp_path / "password")})
    tried = []

    def connect(*, password, **_):
        tried.append(password)
        if password != right(tmp_path / "password"):
            raise pymysql.OperationalError(1045, "Access denied for user 'voice_operator'@'pod' (using password: YES)")
        raise pymysql.OperationalError(1213, "logged in")

    monkeypatch.setattr(pymysql, "connect", connect)
    return Database(replace(settings, mysql_password=file)), tried


async def test_each_connection_uses_the_password_that_is_in_the_file_then(settings, tmp_path, monkeypatch):
    database, tried = connecting(settings, tmp_path, monkeypatch, lambda file: file.read_text())
    for password in ("old", "new"):
        (tmp_path / "password").write_text(password)
        with pytest.raises(Transient, match="logged in"):
            await database.states()
    assert tried == ["old", "new"]


async def test_a_login_that_fails_while_the_file_is_exchanged_is_tried_again_before_anything_is_said(
    settings, tmp_path, monkeypatch
):
    def exchanged(file):
        file.write_text("new")
        return "new"

    database, tried = connecting(settings, tmp_path, monkeypatch, exchanged)
    with pytest.raises(Transient, match="logged in"):
        await database.states()
    assert tried == ["old", "new"]


async def test_a_wrong_password_is_a_sentence_and_is_tried_once(settings, tmp_path, monkeypatch):
    database, tried = connecting(settings, tmp_path, monkeypatch, lambda _: "another")
    with pytest.raises(
        Transient, match=r"MySQL at mysql.example:3306 refuses the login of voice_operator.*VOICE_MYSQL_P"
    ):
        await database.states()
    assert tried == ["old"]
    (tmp_path / "password").write_text("")
    with pytest.raises(Transient, match=r"VOICE_MYSQL_PASSWORD_FILE names .*, which is empty"):
        await database.states()
