"""Docker, podman and buildah are told the same, each in its words."""

from pathlib import Path

import pytest

from voice_lab.images.builders import Build, Builder, Kind, buildah

WHAT = Build(
    Path("/sources"), "docker.io/library/portal:1", 1700000000, "portal", {"VERSION": "1"}, {"machine": Path("/m")}
)  # fmt: skip
KINDS: tuple[Kind, ...] = ("docker", "podman", "buildah")


def has(command: list[str], *words: str) -> bool:
    """Whether `words` stand in `command` one after another."""
    return any(tuple(command[start : start + len(words)]) == words for start in range(len(command)))


@pytest.mark.parametrize("kind", KINDS)
def test_each_builds_the_target_with_arguments_secrets_and_the_time(kind: Kind) -> None:
    command = Builder(kind, (kind,)).build(WHAT)
    assert command[:2] == [kind, "build"]
    assert has(command, "--target", "portal")
    assert has(command, "--build-arg", "VERSION=1")
    assert has(command, "--build-arg", "SOURCE_DATE_EPOCH=1700000000")
    assert has(command, "--secret", "id=machine,src=/m")
    assert command[-3:] == ["--tag", "docker.io/library/portal:1", "/sources"]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_writes_layers_itself_gives_them_the_time_and_leaves_out_its_version(kind: Kind) -> None:
    command = Builder(kind, (kind,)).build(WHAT)
    assert has(command, "--timestamp", "1700000000")
    assert "--identity-label=false" in command
    assert has(command, "--isolation", "chroot")


def test_docker_knows_secrets_and_notes_no_time_of_the_build() -> None:
    assert Builder("docker", ("docker",)).env == {"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_step_is_taken_from_an_earlier_build(kind: Kind) -> None:
    """It could have another commit's time: builders compare the contents of files alone."""
    assert Builder(kind, (kind,)).build(WHAT)[2] == "--no-cache"


def test_buildah_keeps_all_in_the_cache_and_mounts_where_nobody_sees_it() -> None:
    program = buildah(Path("/cache/images")).program
    assert program[:4] == ("unshare", "--mount", "--propagation", "private")
    assert has(list(program), "--root", "/cache/images/storage")
    assert has(list(program), "--runroot", "/cache/images/run")


def test_archives_are_of_one_form() -> None:
    file = Path("/a.tar")
    assert Builder("docker", ("docker",)).save("a:1", file) == ["docker", "save", "--output", "/a.tar", "a:1"]
    for kind in KINDS[1:]:
        assert Builder(kind, (kind,)).save("a:1", file)[-1] == "docker-archive:/a.tar:a:1"


def test_a_registry_gets_the_address_and_its_login_file() -> None:
    (command,) = Builder("podman", ("podman",)).push("a:1", "r.example.net/a:1", Path("/digest"), Path("/login"))
    assert has(command, "--authfile", "/login")
    assert has(command, "--digestfile", "/digest")
    assert command[-2:] == ["a:1", "docker://r.example.net/a:1"]
    tag, push = Builder("docker", ("docker",)).push("a:1", "r.example.net/a:1", Path("/digest"), None)
    assert tag == ["docker", "tag", "a:1", "r.example.net/a:1"]
    assert push == ["docker", "push", "--quiet", "r.example.net/a:1"]
