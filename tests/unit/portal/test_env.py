import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.config.env import Env, InvalidEnvironment

COMPLETE = {
    "VOICE_MYSQL_HOST": "mysql",
    "VOICE_MYSQL_USER": "voice_portal",
    "VOICE_MYSQL_PASSWORD": "secret",
    "VOICE_GRAFANA_URL": "http://grafana:3000/grafana/",
    "VOICE_PORTAL_URL": "https://voice.example.net",
    "VOICE_PORTAL_SECRET_KEY": "x" * 50,
    "VOICE_GRAFANA_JWT_KEY_FILE": "/keys/jwt.pem",
}


def test_names_everything_that_is_missing_at_once():
    with pytest.raises(InvalidEnvironment) as raised:
        Env.read({})
    assert all(name in str(raised.value) for name in COMPLETE)


@pytest.mark.parametrize("name", COMPLETE)
def test_an_empty_value_is_a_missing_value(name):
    with pytest.raises(InvalidEnvironment, match=f"{name} is not set"):
        Env.read({**COMPLETE, name: ""})


def test_defaults_are_those_of_the_architecture():
    env = Env.read(COMPLETE)
    assert (env.mysql_port, env.mysql_database, env.mysql_tls_ca) == (3306, "voice", None)


def test_a_trailing_slash_of_a_url_does_not_matter():
    assert Env.read(COMPLETE).grafana_url == "http://grafana:3000/grafana"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOICE_MYSQL_PORT", "0"),
        ("VOICE_MYSQL_PORT", "65536"),
        ("VOICE_MYSQL_PORT", "mysql"),
        ("VOICE_PORTAL_URL", "voice.example.net"),
        ("VOICE_GRAFANA_URL", "ftp://grafana"),
        ("VOICE_PORTAL_SECRET_KEY", "x" * 49),
        ("VOICE_PORTAL_METRICS_PORT", "65536"),
        ("VOICE_PORTAL_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("VOICE_PORTAL_TRUSTED_PROXIES", "10.0.0.0/8, everybody"),
        ("VOICE_PORTAL_TRUSTED_PROXIES", "0.0.0.0/0"),
        ("VOICE_PORTAL_TRUSTED_PROXIES", "::/0"),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(InvalidEnvironment) as raised:
        Env.read({**COMPLETE, name: value})
    assert [fault for fault in raised.value.faults if fault.startswith(name)] == raised.value.faults


def test_no_proxy_is_trusted_unless_it_is_named():
    assert Env.read(COMPLETE).trusted_proxies == ()
    named = Env.read({**COMPLETE, "VOICE_PORTAL_TRUSTED_PROXIES": "192.0.2.1, 2001:db8::/48 ,"}).trusted_proxies
    assert [str(network) for network in named] == ["192.0.2.1/32", "2001:db8::/48"]


def test_a_short_secret_is_not_shown():
    with pytest.raises(InvalidEnvironment) as raised:
        Env.read({**COMPLETE, "VOICE_PORTAL_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(raised.value)


@given(st.text(max_size=8))
def test_no_text_breaks_the_port(text):
    try:
        port = Env.read({**COMPLETE, "VOICE_MYSQL_PORT": text}).mysql_port
    except InvalidEnvironment:
        return
    assert 0 < port < 65536


def test_https_is_known_by_the_public_url():
    assert Env.read(COMPLETE).is_https
    assert not Env.read({**COMPLETE, "VOICE_PORTAL_URL": "http://127.0.0.1:8080"}).is_https


def test_only_what_files_hold_may_be_exchanged(tmp_path):
    (tmp_path / "key").write_text("short")
    (tmp_path / "empty").touch()
    files = {"VOICE_PORTAL_SECRET_KEY_FILE": "key", "VOICE_MYSQL_PASSWORD_FILE": "empty", "VOICE_MYSQL_TLS_CA": "key"}
    mounted = {name: str(tmp_path / file) for name, file in files.items()}
    complete = {name: value for name, value in COMPLETE.items() if name + "_FILE" not in files}
    with pytest.raises(InvalidEnvironment) as raised:
        Env.read({**complete, **mounted})
    assert (len(raised.value.faults), raised.value.may_pass, raised.value.metrics_port) == (3, True, 8081)
    for wrong in ({"VOICE_MYSQL_PORT": "x"}, {"VOICE_MYSQL_PASSWORD_FILE": "/gone"}):
        with pytest.raises(InvalidEnvironment) as raised:
            Env.read({**complete, **mounted, **wrong})
        assert not raised.value.may_pass
