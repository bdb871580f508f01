"""Credentials of the SIP host: read from where only it can read, told to nobody."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.signalling import credentials
from voice_sipapp.signalling.credentials import Credential, CredentialsError, SecretsManager

PASSWORD = "t0p secret, really"
LISTS = 'clients = ["acme"]\nrealms = ["acme.example"]\nhosts = ["sbc.acme.example", "2001:db8::10"]\n'
TEXT = f'[acme-trunk]\nusername = "probe"\npassword = "{PASSWORD}"\n{LISTS}'
KNOWN = Credential(
    "acme-trunk", "probe", PASSWORD, frozenset({"acme"}), frozenset({"acme.example"}),
    frozenset({"sbc.acme.example", "2001:db8::10"}),
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "credentials.toml"
    made.write_text(TEXT)
    made.chmod(0o600)
    return made


def test_a_credential_is_found_by_its_name(path: Path):
    assert credentials.load(str(path)).get("acme-trunk", "acme") == KNOWN


def test_a_password_is_not_part_of_the_representation():
    assert PASSWORD not in repr(KNOWN)
    assert PASSWORD not in str(KNOWN)


def test_a_change_of_the_file_counts_at_once(path: Path):
    known = credentials.load(str(path))
    known.get("acme-trunk", "acme")
    path.write_text(TEXT.replace("probe", "other"))
    assert known.get("acme-trunk", "acme").username == "other"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_file_that_others_can_open_is_refused_with_the_command_that_mends_it(path: Path, mode: int):
    path.chmod(mode)
    with pytest.raises(CredentialsError, match=f"chmod 0600 {path}"):
        credentials.load(str(path)).get("acme-trunk", "acme")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_of_somebody_else_is_refused(path: Path):
    os.chown(path, 12345, -1)
    with pytest.raises(CredentialsError, match="chown"):
        credentials.load(str(path)).get("acme-trunk", "acme")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'[acme-trunk]\npassword = "{PASSWORD}"\n', "has no username"),
        ('[acme-trunk]\nusername = "probe"\n', "has no password"),
        (f'[acme-trunk]\nusername = 7\npassword = "{PASSWORD}"\n', "has no username"),
        (f'[acme-trunk]\nusername = "a\\r\\nX: y"\npassword = "{PASSWORD}"\n', "can't be printed"),
        (f'acme-trunk = "{PASSWORD}"\n', "has no username"),
        (f'[acme-trunk]\nusername = "probe"\npassword = "{PASSWORD}', "no TOML"),
        (f"[acme-trunk]\npassword = {PASSWORD}\n", "no TOML"),
        (TEXT.replace("acme-trunk", "another"), "'acme-trunk' is not in"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_without_what_is_in_it(path: Path, text: str, told: str):
    path.write_text(text)
    with pytest.raises(CredentialsError, match=told) as caught:
        credentials.load(str(path)).get("acme-trunk", "acme")
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("missing", [("clients",), ("realms",), ("hosts",), ("clients", "realms", "hosts")])
def test_a_credential_that_does_not_say_where_it_may_be_used_is_refused_with_the_lines_to_add(
    path: Path, missing: tuple[str, ...]
):
    path.write_text("".join(line + "\n" for line in TEXT.splitlines() if line.split(" ")[0] not in missing))
    with pytest.raises(CredentialsError, match="does not say where it may be used") as caught:
        credentials.load(str(path)).get("acme-trunk", "acme")
    told = str(caught.value)
    assert "has no " + " and no ".join(missing) in told
    assert [key for key in ("clients", "realms", "hosts") if f'{key} = ["' in told] == list(missing)
    added = told.split("lines such as: ")[1].replace("], ", "]\n")
    path.write_text(path.read_text() + added)
    assert credentials.load(str(path)).get("acme-trunk", "acme").username == "probe"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('["acme"]', '"acme"', "has no clients"),
        ('["acme"]', "[]", "has no clients"),
        ('["acme"]', '["*"]', "'\\*', which is no client"),
        ('["acme"]', '["acme, globex"]', "is no client"),
        ('["acme"]', "[7]", "an entry of the kind int, which is no client"),
        ('["acme.example"]', '["*"]', "is no realm"),
        ('["acme.example"]', '[""]', "is no realm"),
        ('["acme.example"]', '["a\\nb"]', "is no realm"),
        ('"2001:db8::10"', '"*.acme.example"', "is no host"),
        ('"2001:db8::10"', '"sip:sbc.acme.example"', "is no host"),
        ('"2001:db8::10"', '"sbc.acme.example:5060"', "is no host"),
        ('"2001:db8::10"', '"192.0.2.1:5060"', "is no host"),
        ('"2001:db8::10"', '"192.0.2.0/24"', "is no host"),
        ('"2001:db8::10"', '":::"', "is no host"),
    ],
)
def test_lists_hold_whole_clients_realms_and_hosts_and_no_wildcards(path: Path, before: str, after: str, told: str):
    path.write_text(TEXT.replace(before, after))
    with pytest.raises(CredentialsError, match=told):
        credentials.load(str(path)).get("acme-trunk", "acme")


@pytest.mark.parametrize("source", ["packaging/sip-host/credentials.toml", "docs/sip-host.md"])
def test_the_example_that_is_shown_can_be_used(path: Path, source: str):
    text = (Path(__file__).parents[3] / source).read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    table = lines[lines.index("[acme-trunk]") :][:6]
    path.write_text("\n".join(table))
    shown = credentials.load(str(path)).get("acme-trunk", "acme")
    shown.refuse_host("sbc.acme.example")
    shown.refuse_realm("acme.example")


def test_another_client_is_refused_without_a_word_about_whose_it_is(path: Path):
    with pytest.raises(CredentialsError) as caught:
        credentials.load(str(path)).get("acme-trunk", "globex")
    told = str(caught.value)
    assert told.startswith("the credential 'acme-trunk' may not be used by the client 'globex'")
    assert not any(secret in told for secret in (PASSWORD, "probe", "'acme'", "acme.example", "2001:db8"))


@pytest.mark.parametrize(
    "host", ["sbc.acme.example", "SBC.Acme.Example", "sbc.acme.example.", "2001:db8::10", "[2001:DB8:0::0010]"]
)
def test_a_host_is_known_however_it_is_written(host: str):
    KNOWN.refuse_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "x.sbc.acme.example", "sbc.acme.example.evil.example", "acme.example", "sbc", "192.0.2.10", "",
        "[2001:db8::11]", "::ffff:192.0.2.1", "sbc.acme.example..",
    ],
)  # fmt: skip
def test_no_other_host_is_taken_for_it(host: str):
    with pytest.raises(CredentialsError, match="may not be used at"):
        KNOWN.refuse_host(host)


@given(st.text(max_size=40))
def test_no_other_realm_is_taken_for_the_listed_one(realm: str):
    if realm != "acme.example":
        with pytest.raises(CredentialsError, match="may not be used for the realm") as caught:
            KNOWN.refuse_realm(realm)
        assert str(caught.value).isprintable()


def test_within_a_call_the_address_that_a_listed_name_was_found_at_is_taken_for_it():
    KNOWN.found_at("[2001:db8::99]").refuse_host("2001:db8::99")
    with pytest.raises(CredentialsError):
        KNOWN.refuse_host("2001:db8::99")


@given(st.binary(max_size=200))
def test_no_content_of_a_file_brings_anything_but_a_credential_or_an_explained_refusal(
    tmp_path_factory: Any, content: bytes
):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(CredentialsError):
        credentials.load(str(path)).get("a name that is not in there", "acme")


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(CredentialsError, match="can't be read"):
            credentials.load(str(path)).check()


def test_a_host_without_credentials_says_which_setting_is_missing():
    with pytest.raises(CredentialsError, match="VOICE_CREDENTIALS"):
        credentials.load("").get("acme-trunk", "acme")
    assert "not set" in credentials.load("").check()


def test_the_check_names_credentials_with_their_clients_and_refuses_half_ones(path: Path):
    path.write_text(TEXT + TEXT.replace("[acme-trunk]", "[shared]").replace('["acme"]', '["globex", "acme"]'))
    told = credentials.load(str(path)).check()
    assert told == f"acme-trunk (for acme), shared (for acme, globex) in {path}"
    path.write_text(TEXT + '[half]\nusername = "x"\n')
    with pytest.raises(CredentialsError, match="half"):
        credentials.load(str(path)).check()


class Clock:
    """A clock that stands still until it is put forward."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Aws:
    """Secrets Manager as boto3 knows it, its answers laid down beforehand."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        self.client = boto3.client("secretsmanager", region_name="eu-west-2", **keys)
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.clock = Clock()
        self.credentials = SecretsManager("voice/", self.client, self.clock)

    def answers(self, content: str) -> None:
        self.stub.add_response("get_secret_value", {"SecretString": content}, {"SecretId": "voice/acme-trunk"})

    def refuses(self, code: str) -> None:
        self.stub.add_client_error("get_secret_value", code)


@pytest.fixture
def aws() -> Aws:
    return Aws()


def secret(**content: Any) -> str:
    lists = {"clients": ["acme"], "realms": ["acme.example"], "hosts": ["sbc.acme.example", "2001:db8::10"]}
    return json.dumps({"username": "probe", "password": PASSWORD, **lists} | content)


def test_a_secret_of_aws_is_asked_for_once_in_five_minutes(aws: Aws):
    aws.answers(secret())
    assert aws.credentials.get("acme-trunk", "acme") == KNOWN
    aws.clock.now += credentials.CACHE_S - 1
    assert aws.credentials.get("acme-trunk", "acme").username == "probe"  # the stub would refuse a second question
    aws.clock.now += 2
    aws.answers(secret(username="rotated"))
    assert aws.credentials.get("acme-trunk", "acme").username == "rotated"
    aws.stub.assert_no_pending_responses()


def test_while_aws_is_away_the_known_secret_is_used_and_nothing_secret_logged(
    aws: Aws, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    aws.answers(secret())
    aws.credentials.get("acme-trunk", "acme")
    aws.clock.now += credentials.CACHE_S + 1
    aws.refuses("InternalServiceError")
    assert aws.credentials.get("acme-trunk", "acme").password == PASSWORD
    assert "InternalServiceError" in caplog.text
    assert PASSWORD not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("voice_sipapp")
    )
    assert aws.credentials.get("acme-trunk", "acme").username == "probe"  # not asked again at once
    aws.clock.now += credentials.RETRY_S + 1
    aws.answers(secret(username="rotated"))
    assert aws.credentials.get("acme-trunk", "acme").username == "rotated"


def test_a_secret_that_was_deleted_is_not_used_on(aws: Aws):
    aws.answers(secret())
    aws.credentials.get("acme-trunk", "acme")
    aws.clock.now += credentials.CACHE_S + 1
    aws.refuses("ResourceNotFoundException")
    with pytest.raises(CredentialsError, match="ResourceNotFoundException"):
        aws.credentials.get("acme-trunk", "acme")


@pytest.mark.parametrize("content", [PASSWORD, " ", "[]", "null", json.dumps({"password": PASSWORD})])
def test_a_secret_of_another_shape_is_refused_untold(aws: Aws, content: str):
    aws.answers(content)
    with pytest.raises(CredentialsError) as caught:
        aws.credentials.get("acme-trunk", "acme")
    assert PASSWORD not in str(caught.value)


def test_a_secret_of_another_client_is_refused_though_it_is_known_already(aws: Aws):
    aws.answers(secret())
    aws.credentials.get("acme-trunk", "acme")
    with pytest.raises(CredentialsError, match="may not be used by the client 'globex'"):
        aws.credentials.get("acme-trunk", "globex")


def test_an_unreachable_aws_is_an_explained_refusal(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    def fails(**_: str) -> None:
        raise ConnectTimeoutError(endpoint_url="https://secretsmanager")

    monkeypatch.setattr(aws.client, "get_secret_value", fails)
    with pytest.raises(CredentialsError, match="ConnectTimeoutError"):
        aws.credentials.get("acme-trunk", "acme")


def test_a_client_of_aws_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    made = credentials.load("aws:voice/")
    assert isinstance(made, SecretsManager)
    config = made._client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (credentials.TIMEOUT_S, credentials.TIMEOUT_S)
    assert config.retries["total_max_attempts"] == 2
    assert "eu-west-2" in made.check()


def test_without_a_region_aws_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(CredentialsError, match="region"):
        credentials.load("aws:voice/")
