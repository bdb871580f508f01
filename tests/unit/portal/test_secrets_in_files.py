"""Secrets in mounted files, and the key that signs sessions while it is exchanged."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core import signing
from django.test import override_settings

from tests.unit.portal.test_env import COMPLETE
from voice_portal.config import keys
from voice_portal.config.env import Env, InvalidEnvironment
from voice_portal.config.secretfile import SecretValue
from voice_portal.grafana import tokens

NAMES = ("VOICE_MYSQL_PASSWORD", "VOICE_PORTAL_SECRET_KEY")


def in_file(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    env = {key: value for key, value in COMPLETE.items() if key != name}
    return {**env, f"{name}_FILE": str(tmp_path / name)}


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_may_stand_in_a_file_that_is_read_at_each_use(tmp_path, name):
    env = Env.read(in_file(tmp_path, name, "x" * 60 + "\n"))
    value = env.mysql_password if name == NAMES[0] else env.secret_key
    assert value.read() == "x" * 60
    (tmp_path / name).write_text("y" * 60)
    assert value.read() == "y" * 60
    assert "yyy" not in repr(env)


@pytest.mark.parametrize("name", NAMES)
def test_both_are_a_fault(tmp_path, name):
    with pytest.raises(InvalidEnvironment) as raised:
        Env.read({**in_file(tmp_path, name, "x" * 60), name: "z" * 60})
    assert raised.value.faults == [f"{name} and {name}_FILE are both set: leave one of them out"]


@pytest.mark.parametrize(
    ("text", "sentence"), [(None, "is not there: is the Secret mounted"), ("", "is empty"), ("\n", "is empty")]
)
def test_a_file_without_a_value_is_a_sentence(tmp_path, text, sentence):
    env = in_file(tmp_path, "VOICE_MYSQL_PASSWORD", text or "")
    if text is None:
        (tmp_path / "VOICE_MYSQL_PASSWORD").unlink()
    with pytest.raises(InvalidEnvironment) as raised:
        Env.read(env)
    (fault,) = raised.value.faults
    assert fault.startswith("VOICE_MYSQL_PASSWORD_FILE names ")
    assert sentence in fault


@pytest.mark.parametrize("name", ["VOICE_MYSQL_TLS_CA", "VOICE_GRAFANA_TLS_CA"])
@pytest.mark.parametrize(("text", "sentence"), [(None, "is not there"), ("no PEM", "holds no certificate")])
def test_an_authority_that_is_none_is_a_sentence(tmp_path, name, text, sentence):
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    with pytest.raises(InvalidEnvironment, match=rf"{name} names .*ca.pem, which {sentence}"):
        Env.read({**COMPLETE, name: str(tmp_path / "ca.pem")})


@pytest.fixture
def key(tmp_path):
    """A key in a file, and Django's settings as they are at the start."""
    path = tmp_path / "secret-key"
    path.write_text("first " * 20)
    value = SecretValue("VOICE_PORTAL_SECRET_KEY", path=path)
    now, accepted = keys.read(value)
    with override_settings(SECRET_KEY=now, SECRET_KEY_FALLBACKS=accepted):
        yield SimpleNamespace(path=path, watch=keys.Watch(value), previous=tmp_path / "secret-key-previous")


def is_valid(text):
    try:
        return signing.loads(text) == "it"
    except signing.BadSignature:
        return False


def test_what_the_old_key_signed_is_void_with_a_new_one_alone(key):
    key.watch.look()
    signed = signing.dumps("it")
    key.path.write_text("second" * 20)
    key.watch.look()
    assert not is_valid(signed)
    assert is_valid(signing.dumps("it"))


def test_what_the_old_key_signed_stays_valid_while_it_stands_beside_the_new_one(key):
    signed = signing.dumps("it")
    key.previous.write_text(key.path.read_text())
    key.path.write_text("second" * 20)
    key.watch.look()
    assert is_valid(signed)
    key.previous.unlink()
    key.watch.look()
    assert not is_valid(signed)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff"])
def test_an_old_key_that_holds_nothing_is_none_and_keeps_no_new_one_away(key, content):
    """Whoever takes it away may as well empty it: the portal starts, and what it signed is void."""
    key.previous.write_text(key.path.read_text())
    key.watch.look()
    signed = signing.dumps("it")
    key.path.write_text("second" * 20)
    key.previous.write_bytes(content)
    assert keys.read(SecretValue("VOICE_PORTAL_SECRET_KEY", path=key.path)) == ("second" * 20, [])
    key.watch.look()
    assert not is_valid(signed)
    assert is_valid(signing.dumps("it"))


@pytest.mark.parametrize("text", ["", "short", None])
def test_a_key_that_is_of_no_use_changes_nothing_and_is_told_once(key, caplog, text):
    signed = signing.dumps("it")
    key.path.unlink() if text is None else key.path.write_text(text)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            key.watch.look()
    assert is_valid(signed)
    assert len(caplog.records) == 1
    assert "the key that signs sessions stays as it was: VOICE_PORTAL_SECRET_KEY" in caplog.text


def pem():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key, encoding


def test_the_key_for_grafana_is_the_one_in_the_file_and_else_the_last_that_was(tmp_path, caplog):
    path = tmp_path / "jwt.pem"
    with pytest.raises(FileNotFoundError):
        tokens.current_key(path)
    key, encoding = pem()
    path.write_bytes(key.private_bytes(*encoding, serialization.NoEncryption()))
    numbers = key.private_numbers()
    assert tokens.current_key(path).private_numbers() == numbers
    path.write_text("garbage")
    for _ in range(3):
        assert tokens.current_key(path).private_numbers() == numbers
    (told,) = caplog.messages
    assert told.startswith("the key that signs tokens for Grafana stays as it was")
    assert tokens.viewer_token("acme", tokens.current_key(path), datetime.now(UTC))


def test_a_key_with_a_password_is_a_sentence(tmp_path):
    key, encoding = pem()
    (tmp_path / "jwt.pem").write_bytes(key.private_bytes(*encoding, serialization.BestAvailableEncryption(b"x")))
    with pytest.raises(ValueError, match="holds a key with a password: it must be one without"):
        tokens.load_key(tmp_path / "jwt.pem")


@pytest.fixture
def password(tmp_path):
    """A password in a file, and what asks for it: `accepts` is the right one."""
    path = tmp_path / "password"
    path.write_text("old")
    value = SecretValue("VOICE_MYSQL_PASSWORD", path=path)
    assert value.fault() == ""
    account = SimpleNamespace(path=path, accepts="old", asked=[])

    def log_in(text):
        account.asked.append(text)
        if text != account.accepts:
            raise PermissionError(text)
        return text

    account.log_in = lambda: value.tried(log_in, lambda error: isinstance(error, PermissionError))
    return account


def test_the_password_that_stood_there_at_the_start_is_tried_when_the_files_is_refused(password, caplog):
    password.path.write_text("new")
    assert [password.log_in() for _ in range(2)] == ["old", "old"]
    (told,) = caplog.messages
    assert told.startswith("VOICE_MYSQL_PASSWORD_FILE holds a password which is refused: the one before it still works")
    password.accepts = "new"
    assert password.log_in() == "new"
    assert password.asked == ["new", "old"] * 2 + ["new"]


def test_a_password_that_nobody_takes_is_refused_as_it_is_in_the_file(password, caplog):
    password.path.write_text("new")
    password.accepts = "another"
    with pytest.raises(PermissionError, match=r"^new$"):
        password.log_in()
    assert caplog.messages == []
