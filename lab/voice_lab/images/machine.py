"""What a build needs of this machine to reach a package index: shown to the build, and in no layer of an image."""

from __future__ import annotations

import configparser
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

WHERE = "/run/secrets/authorities"
"""Where the build finds the certificates; the Dockerfile's word for the secret is the last part."""
SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
# Settings of pip, and what uv calls the same.
_SAME = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
}


@dataclass(frozen=True)
class Machine:
    """Two secrets of a build: `settings` is shell text, `authorities` the certificates' text."""

    settings: str
    authorities: str


def here(env: Mapping[str, str], configurations: tuple[Path, ...]) -> Machine:
    """This machine's, out of its environment and pip's `configurations`."""
    files = [Path(env[name]) for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE") if env.get(name)]
    bundle = next((each for each in (*files, SYSTEM) if each.is_file()), None)
    values = settings(env, [each.read_text() for each in configurations if each.is_file()])
    if bundle:
        values |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"), WHERE)
    return Machine(shell(values), bundle.read_text() if bundle else "")


def configurations(env: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Where pip looks for settings, the strongest last."""
    user = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    named = env.get("PIP_CONFIG_FILE")
    return (Path("/etc/pip.conf"), home / ".pip/pip.conf", user / "pip/pip.conf", *([Path(named)] if named else []))


def settings(env: Mapping[str, str], texts: list[str]) -> dict[str, str]:
    """The variables that have pip and uv go the way that this machine goes, given the texts of pip's configurations."""
    found: dict[str, str] = {}
    for text in texts:
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
        for section in ("global", "install"):
            for key, value in parser.items(section) if parser.has_section(section) else ():
                found[f"PIP_{key.replace('-', '_').upper()}"] = " ".join(value.split())
    found |= {name: value for name, value in env.items() if name in _SAME and value}
    values = {name: found[name] for name in _SAME if name in found}
    values |= {_SAME[name]: value for name, value in values.items()}
    values |= {name: env[name] for name in _SAME.values() if env.get(name)}
    for name in _PROXIES:
        if proxy := env.get(name) or env.get(name.upper()):
            values |= {name: proxy, name.upper(): proxy}
    return values


def shell(values: Mapping[str, str]) -> str:
    """The variables as text that a shell reads."""
    return "".join(f"export {name}={shlex.quote(values[name])}\n" for name in sorted(values))
