"""The commands that an administrator runs in the portal's image, as far as they ask no database."""

from __future__ import annotations

import re
from pathlib import Path

import pymysql
import pytest
from django.core.management import CommandError, call_command

from voice_portal.cdr.management.commands import service_accounts

NAMES = ("OWNER", "OPERATOR", "PORTAL", "SIP")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The accounts' passwords, each in a file, as in a mounted Secret."""
    for name in NAMES:
        (tmp_path / name).write_text(f"{name}-secret\n")
        monkeypatch.setenv(f"VOICE_{name}_PASSWORD_FILE", str(tmp_path / name))
    return tmp_path


def refused(monkeypatch: pytest.MonkeyPatch, error: Exception) -> str:
    """What the command says when the server refuses."""

    def refuse(_: object) -> object:
        raise error

    monkeypatch.setattr(service_accounts, "connect_to_server", refuse)
    with pytest.raises(CommandError) as told:
        call_command("service_accounts")
    return str(told.value)


def test_passwords_of_the_accounts_are_read_from_files_without_the_line_end(files: Path) -> None:
    environ = {f"VOICE_{name}_PASSWORD_FILE": str(files / name) for name in NAMES}
    assert set(service_accounts._passwords(environ).values()) == {f"{name}-secret" for name in NAMES}


def test_every_password_that_is_missing_or_empty_is_named(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICE_OWNER_PASSWORD_FILE")
    (files / "SIP").write_text("\n")
    with pytest.raises(CommandError, match=r"VOICE_OWNER_PASSWORD is not set.*VOICE_SIP_PASSWORD_FILE .* is empty"):
        call_command("service_accounts")


def test_an_administrator_whom_the_server_refuses_is_told_so_in_a_sentence(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(monkeypatch, pymysql.OperationalError(1045, "Access denied for user 'root'@'x'"))
    assert said.startswith("The accounts cannot be made: MySQL at ")
    assert "password or user is wrong" in said
    assert "-secret" not in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Name a login, or ask for the --list"),
        (["corp/alice"], "A login has at most 63 characters, and no '/'"),
        (["n" * 64], "A login has at most 63 characters"),
        ([" boss"], "A login has at most 63 characters"),
        (["bo\nss"], "A login has at most 63 characters"),
        (["boss", "--hours", "0"], "--hours must be from 1 to 72"),
        (["boss", "--hours", "73"], "--hours must be from 1 to 72"),
    ],
)
def test_an_emergency_account_that_cannot_be_is_refused_before_anything_is_made(
    arguments: list[str], told: str
) -> None:
    with pytest.raises(CommandError, match=re.escape(told)):
        call_command("break_glass", *arguments)
