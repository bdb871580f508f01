import pytest

from voiceprobe_operator.__main__ import main
from voiceprobe_operator.settings import VARIABLES, Settings, SettingsError, from_command_line, parser


def test_defaults_fill_what_is_not_said(env):
    settings = Settings.from_env(env)
    assert (settings.mysql_port, settings.mysql_database, settings.resync_seconds) == (3306, "voice", 300)
    assert settings.grafana_mysql_address == "mysql.example:3306"
    assert settings.grafana_url == "http://grafana.example/grafana"
    assert settings.mysql_tls_ca is None


def test_all_that_is_missing_is_named_at_once():
    with pytest.raises(SettingsError) as error:
        Settings.from_env({})
    for variable in VARIABLES:
        assert (f"{variable.name} is missing" in str(error.value)) == (variable.default is None)


def test_unusable_values_are_named_with_the_missing_ones(env, tmp_path):
    del env["VOICE_MYSQL_HOST"]
    env |= {"VOICE_MYSQL_PORT": "many", "VOICE_RESYNC_SECONDS": "0", "VOICE_MYSQL_TLS_CA": str(tmp_path / "ca.pem")}
    with pytest.raises(SettingsError) as error:
        Settings.from_env(env)
    for name in ("VOICE_MYSQL_HOST", "VOICE_MYSQL_PORT", "VOICE_RESYNC_SECONDS", "VOICE_MYSQL_TLS_CA"):
        assert name in str(error.value)


def test_an_ipv6_address_gets_its_brackets(env):
    env["VOICE_MYSQL_HOST"] = "64:ff9b::a00:1"
    assert Settings.from_env(env).grafana_mysql_address == "[64:ff9b::a00:1]:3306"


def test_the_text_of_settings_holds_no_password(env):
    text = repr(Settings.from_env(env))
    assert "mysql-secret" not in text
    assert "grafana-secret" not in text


def test_help_tells_every_setting_with_its_flag_and_variable():
    text = parser().format_help()
    for variable in VARIABLES:
        assert variable.name in text
        assert variable.says in " ".join(text.split())
        assert variable.flag in text


def test_a_flag_goes_before_the_environment(env):
    settings = from_command_line(["--mysql-host", "db.example", "--log-level=debug"], env)
    assert (settings.mysql_host, settings.log_level, settings.mysql_user) == ("db.example", "debug", "voice_operator")


@pytest.mark.parametrize("flag", ["--mysql-password", "--grafana-password"])
def test_no_secret_can_stand_on_the_command_line(env, flag, capsys):
    with pytest.raises(SystemExit):
        from_command_line([flag, "secret"], env)
    assert "unrecognized arguments" in capsys.readouterr().err


def test_a_command_that_lacks_settings_names_them_all_and_ends(capsys, monkeypatch):
    monkeypatch.setattr("os.environ", {"VOICE_MYSQL_HOST": "db.example"})
    assert main(["--log-level", "chatty"]) == 2
    told = capsys.readouterr().err
    assert "VOICE_LOG_LEVEL must be one of debug, info, warning, error, not 'chatty'" in told
    assert told.count(" is missing: ") == sum(v.default is None for v in VARIABLES) - 1


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("VOICE_MYSQL_DATABASE", "voice-prod", "letters, digits"),
        ("VOICE_LIVENESS_PORT", "70000", "at most 65535"),
        ("VOICE_MYSQL_PORT", "65536", "at most 65535"),
    ],
)
def test_what_would_fail_later_is_refused_at_the_start(env, name, value, says):
    with pytest.raises(SettingsError, match=f"{name}.*{says}"):
        Settings.from_env(env | {name: value})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x30\x82\xff", "is not PEM"),
        (b"", "holds no certificate"),
        (b"to be filled in\n", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n", "holds no certificate"),
    ],
)
def test_an_authority_that_is_none_is_refused(env, tmp_path, content, says):
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=says):
        Settings.from_env(env | {"VOICE_MYSQL_TLS_CA": str(path)})
