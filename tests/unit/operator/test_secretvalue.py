"""Passwords in mounted files: read when they are needed, and named in words when they cannot be."""

import os
from pathlib import Path

import pytest

from voiceprobe_operator.secretvalue import SecretValue, UnreadableSecret
from voiceprobe_operator.settings import Settings, SettingsError, from_command_line

FILES = ("VOICE_MYSQL_PASSWORD", "VOICE_GRAFANA_USER", "VOICE_GRAFANA_PASSWORD")


def exchange(folder: Path, name: str, text: str) -> None:
    """What the kubelet does when a mounted Secret changed: a new folder, and a link that is moved to it."""
    number = len(list(folder.iterdir()))
    fresh = folder / f"..{number}"
    fresh.mkdir()
    (fresh / name).write_text(text)
    link = folder / "..data_tmp"
    link.symlink_to(fresh.name)
    link.rename(folder / "..data")
    if not (folder / name).is_symlink():
        (folder / name).symlink_to(Path("..data") / name)


@pytest.mark.parametrize("name", FILES)
def test_a_setting_may_stand_in_a_file(env, tmp_path, name):
    del env[name]
    (tmp_path / "it").write_text("from a file\n")
    settings = Settings.from_env({**env, f"{name}_FILE": str(tmp_path / "it")})
    assert getattr(settings, name.removeprefix("VOICE_").lower()).read() == "from a file"


@pytest.mark.parametrize("name", FILES)
def test_both_are_an_error(env, tmp_path, name):
    (tmp_path / "it").write_text("x")
    with pytest.raises(SettingsError, match=f"^{name} and {name}_FILE are both set: leave one of them out$"):
        Settings.from_env({**env, f"{name}_FILE": str(tmp_path / "it")})


def test_neither_is_an_error_that_names_both(env):
    del env["VOICE_MYSQL_PASSWORD"]
    with pytest.raises(SettingsError, match=r"VOICE_MYSQL_PASSWORD is missing: .*VOICE_MYSQL_PASSWORD_FILE"):
        Settings.from_env(env)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "which is not there: is the Secret mounted, with that key?"),
        (b"", "which is empty: put the value itself into it"),
        (b"\n", "which is empty: put the value itself into it"),
        (b"\xff\xfe", "which is not text in UTF-8"),
    ],
)
def test_a_file_that_holds_nothing_usable_is_a_sentence_with_the_mend(env, tmp_path, content, sentence):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    del env["VOICE_MYSQL_PASSWORD"]
    with pytest.raises(SettingsError) as error:
        Settings.from_env({**env, "VOICE_MYSQL_PASSWORD_FILE": str(path)})
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"VOICE_MYSQL_PASSWORD_FILE names {path}, ")
    assert sentence in line


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UnreadableSecret, match="cannot be read: Is a directory"):
        SecretValue.of("VOICE_X", {"VOICE_X_FILE": str(tmp_path)}).read()


def test_a_secret_that_the_kubelet_exchanged_is_read_at_its_next_use(tmp_path):
    exchange(tmp_path, "password", "old")
    value = SecretValue.of("VOICE_X", {"VOICE_X_FILE": str(tmp_path / "password")})
    assert value.read() == "old"
    exchange(tmp_path, "password", "new")
    assert value.read() == "new"
    os.unlink(tmp_path / "..data")
    with pytest.raises(UnreadableSecret, match="is not there"):
        value.read()


@pytest.mark.parametrize("text", [" spaces count ", "tab\tinside", "two\nlines", 'pä$$`wörd"'])
def test_what_is_in_the_file_is_the_value_but_for_line_ends_at_its_end(tmp_path, text):
    (tmp_path / "it").write_text(text + "\r\n")
    assert SecretValue.of("VOICE_X", {"VOICE_X_FILE": str(tmp_path / "it")}).read() == text


def test_no_text_of_the_settings_holds_what_is_in_a_file(env, tmp_path):
    (tmp_path / "it").write_text("hidden-value")
    del env["VOICE_MYSQL_PASSWORD"]
    settings = Settings.from_env({**env, "VOICE_MYSQL_PASSWORD_FILE": str(tmp_path / "it")})
    assert "hidden-value" not in repr(settings)
    assert settings.fingerprint_key == "hidden-value"


def test_a_flag_names_the_file_and_goes_before_both_variables(env, tmp_path):
    (tmp_path / "it").write_text("by flag")
    settings = from_command_line(["--mysql-password-file", str(tmp_path / "it")], env)
    assert settings.mysql_password.read() == "by flag"
    settings = from_command_line(["--grafana-user=me"], {**env, "VOICE_GRAFANA_USER_FILE": "/none"} | {})
    assert settings.grafana_user.read() == "me"


class Account:
    """What asks for a password: `accepts` is the right one."""

    def __init__(self, accepts: str) -> None:
        self.accepts = accepts
        self.asked: list[str] = []

    def log_in(self, password: str) -> str:
        self.asked.append(password)
        if password != self.accepts:
            raise PermissionError(password)
        return password


def is_refused(error: Exception) -> bool:
    return isinstance(error, PermissionError)


def test_the_password_that_was_taken_last_is_tried_when_the_files_is_refused(tmp_path, caplog):
    path = tmp_path / "password"
    path.write_text("old")
    value, account = SecretValue("VOICE_MYSQL_PASSWORD", path=path), Account("old")
    assert value.tried(account.log_in, is_refused) == "old"
    path.write_text("new")
    for _ in range(3):
        assert value.tried(account.log_in, is_refused) == "old"
    (told,) = caplog.messages
    assert told.startswith("VOICE_MYSQL_PASSWORD_FILE holds a password which is refused")
    assert "new password" not in told
    account.accepts = "new"
    assert value.tried(account.log_in, is_refused) == "new"
    assert account.asked == ["old", *["new", "old"] * 3, "new"]


def test_a_file_that_was_emptied_by_mistake_keeps_nobody_out(tmp_path, caplog):
    path = tmp_path / "password"
    path.write_text("old")
    value, account = SecretValue("VOICE_MYSQL_PASSWORD", path=path), Account("old")
    value.tried(account.log_in, is_refused)
    path.write_text("\n")
    for _ in range(3):
        assert value.tried(account.log_in, is_refused) == "old"
    (told,) = caplog.messages
    assert "which is empty: put the value itself into it. The one before it is still used" in told


def test_a_file_that_was_empty_from_the_start_is_told(tmp_path):
    (tmp_path / "password").write_text("")
    with pytest.raises(UnreadableSecret):
        SecretValue("VOICE_MYSQL_PASSWORD", path=tmp_path / "password").tried(Account("old").log_in, is_refused)


def test_the_password_that_stood_there_at_the_start_counts_as_taken(tmp_path):
    path = tmp_path / "password"
    path.write_text("old")
    value = SecretValue("VOICE_MYSQL_PASSWORD", path=path)
    assert not list(value.problems("what it is"))
    path.write_text("new")
    assert value.tried(Account("old").log_in, is_refused) == "old"


def test_a_password_that_nobody_takes_is_refused_as_it_is_in_the_file(tmp_path, caplog):
    path = tmp_path / "password"
    path.write_text("old")
    value = SecretValue("VOICE_MYSQL_PASSWORD", path=path)
    assert not list(value.problems("what it is"))
    path.write_text("new")
    with pytest.raises(PermissionError, match=r"^new$"):
        value.tried(Account("another").log_in, is_refused)
    assert not caplog.messages


def test_what_is_no_refusal_of_the_password_is_not_tried_again(tmp_path):
    account = Account("old")
    with pytest.raises(PermissionError):
        SecretValue("VOICE_MYSQL_PASSWORD", "new").tried(account.log_in, lambda _: False)
    assert account.asked == ["new"]
