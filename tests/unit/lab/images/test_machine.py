"""A build goes the way to the package index that this machine goes."""

import subprocess
from pathlib import Path

from voice_lab.images import machine


def test_uv_goes_where_pip_goes() -> None:
    text = "[global]\nindex-url = https://mirror.example.net/simple\ntimeout = 180\n"
    assert machine.settings({}, [text]) == {
        "PIP_INDEX_URL": "https://mirror.example.net/simple",
        "UV_DEFAULT_INDEX": "https://mirror.example.net/simple",
    }


def test_the_environment_is_stronger_than_files_and_a_later_file_than_an_earlier() -> None:
    texts = [f"[global]\nindex-url = https://{name}.example.net\ntrusted-host = {name}\n" for name in ("a", "b")]
    found = machine.settings({"PIP_INDEX_URL": "https://c.example.net", "UV_INDEX": "https://d.example.net"}, texts)
    assert found["UV_DEFAULT_INDEX"] == "https://c.example.net"
    assert found["PIP_TRUSTED_HOST"] == found["UV_INSECURE_HOST"] == "b"
    assert found["UV_INDEX"] == "https://d.example.net"


def test_proxies_are_told_in_both_spellings() -> None:
    found = machine.settings({"HTTPS_PROXY": "http://proxy.example.net:3128"}, [])
    assert found == dict.fromkeys(("https_proxy", "HTTPS_PROXY"), "http://proxy.example.net:3128")


def test_nothing_set_is_nothing_told() -> None:
    assert machine.settings({"PATH": "/bin"}, []) == {}


def test_a_shell_reads_the_values_as_they_are() -> None:
    value = "https://u:p'a$s w@mirror.example.net"
    text = machine.shell({"PIP_INDEX_URL": value}) + 'printf %s "$PIP_INDEX_URL"'
    assert subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True).stdout == value


def test_the_certificates_that_this_machine_trusts_are_named(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("a certificate")
    here = machine.here({"SSL_CERT_FILE": str(bundle)}, ())
    assert here.authorities == "a certificate"
    assert f"export SSL_CERT_FILE={machine.WHERE}\n" in here.settings
    assert str(bundle) not in here.settings


def test_pips_files_are_looked_for_where_pip_looks(tmp_path: Path) -> None:
    assert machine.configurations({"PIP_CONFIG_FILE": "/own.conf"}, tmp_path) == (
        Path("/etc/pip.conf"),
        tmp_path / ".pip/pip.conf",
        tmp_path / ".config/pip/pip.conf",
        Path("/own.conf"),
    )
