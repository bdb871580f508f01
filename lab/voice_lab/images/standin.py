"""Stand-ins of official images, made of Debian's packages, for machines that reach no image registry."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ARCHIVE = "http://deb.debian.org/debian"
SUITE = "trixie"
"""Debian 13, which the official images of Python are made of too: it has Python 3.13."""
SUITES = {"bookworm", "trixie", "forky", "stable", "testing", "sid"}
# What is not needed to run; licences stay.
_LEFT_OUT = ("man", "doc", "locale", "info")


@dataclass(frozen=True)
class StandIn:
    """An image that is made of packages.

    Attributes:
        packages: names of Debian's packages.
        settings: further lines of its Dockerfile.
        commands: shell text that is run in its folder, which is `$1`.
    """

    packages: tuple[str, ...]
    settings: tuple[str, ...]
    commands: str = ":"

    @property
    def key(self) -> str:
        """A text that changes with it."""
        return sha256(repr((SUITE, self)).encode()).hexdigest()[:12]


PYTHON = StandIn(
    packages=("python3", "python3-venv", "ca-certificates", "netbase", "tzdata"),
    settings=("ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", 'CMD ["python3"]'),
    commands='ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
)
# It writes its log to where the official image writes it, and needs neither root nor a place to write but /tmp.
NGINX = StandIn(
    packages=("nginx-light", "ca-certificates"),
    settings=("EXPOSE 80", "STOPSIGNAL SIGQUIT", 'CMD ["nginx", "-g", "daemon off;"]'),
    commands=(
        'ln -sf /dev/stdout "$1/var/log/nginx/access.log"; ln -sf /dev/stderr "$1/var/log/nginx/error.log";'
        ' rm -f "$1/etc/nginx/sites-enabled/default"'
    ),
)


def mirror(texts: Iterable[str]) -> str:
    """The address of Debian's archive in the texts of apt's sources; the public one if none names it."""
    for text in texts:
        for address, suites in (*_stanzas(text), *_lines(text)):
            # Those of updates and of security have parts of it only.
            if SUITES & set(suites):
                return address.rstrip("/")
    return ARCHIVE


def sources() -> list[str]:
    """The texts of apt's sources."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return [each.read_text() for each in files if each.is_file() and each.suffix in {".list", ".sources"}]


def _stanzas(text: str) -> list[tuple[str, list[str]]]:
    found = []
    for block in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(\w[\w-]*):\s*(.+)$", block, re.MULTILINE))
        if "URIs" in fields and "Suites" in fields and fields.get("Enabled", "yes") != "no":
            found.append((fields["URIs"].split()[0], fields["Suites"].split()))
    return found


def _lines(text: str) -> list[tuple[str, list[str]]]:
    return [(a, [b]) for a, b in re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(https?://\S+)\s+(\S+)", text, re.MULTILINE)]


def bootstrap(what: StandIn, address: str, file: Path) -> list[str]:
    """The command that makes its files, as an archive."""
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _LEFT_OUT]
    return [
        "mmdebstrap", "--quiet", "--format=tar", "--variant=minbase", "--mode=root",
        # Mirrors that are frozen for builds tell of times that are past.
        "--aptopt=Acquire::Check-Valid-Until false", "--aptopt=Acquire::Check-Date false",
        *excluded, "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--include={','.join(what.packages)}", f"--customize-hook=set -eu; {what.commands}",
        SUITE, str(file), f"deb {address} {SUITE} main",
    ]  # fmt: skip


def dockerfile(what: StandIn, archive: str) -> str:
    """The Dockerfile that makes an image of its files."""
    return "\n".join(["FROM scratch", f"ADD {archive} /", *what.settings, ""])
