"""Where no registry answers, an image is made of the packages of this machine's own mirror."""

from pathlib import Path

import pytest

from voice_lab.images import standin

STANZAS = """# the archive
Types: deb
URIs: http://security.example.net/debian-security
Suites: bookworm-security

Types: deb
URIs: http://mirror.example.net/debian/
Suites: bookworm bookworm-updates
Components: main
"""


@pytest.mark.parametrize(
    "text",
    [
        STANZAS,
        "deb http://mirror.example.net/debian trixie main\n",
        "# old\ndeb [arch=amd64 signed-by=/key] http://mirror.example.net/debian bookworm main\n",
    ],
)
def test_the_mirror_is_that_of_this_machine(text: str) -> None:
    assert standin.mirror(["deb https://other.example.net/apt stable-tools main\n", text]) == (
        "http://mirror.example.net/debian"
    )


@pytest.mark.parametrize("text", ["", "deb http://archive.example.net/ubuntu noble main\n", f"{STANZAS}Enabled: no\n"])
def test_without_one_it_is_the_public_one(text: str) -> None:
    assert standin.mirror([text]) == standin.ARCHIVE


def test_licences_stay_where_manuals_go() -> None:
    command = standin.bootstrap(standin.PYTHON, "http://mirror.example.net/debian", Path("/files.tar"))
    assert command.index("--dpkgopt=path-exclude=/usr/share/doc/*") < command.index(
        "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    )
    assert command[-3:] == [standin.SUITE, "/files.tar", f"deb http://mirror.example.net/debian {standin.SUITE} main"]


def test_the_two_are_told_apart() -> None:
    assert standin.PYTHON.key != standin.NGINX.key


def test_its_dockerfile_unpacks_the_packages() -> None:
    assert standin.dockerfile(standin.NGINX, "files.tar").splitlines()[:2] == ["FROM scratch", "ADD files.tar /"]
