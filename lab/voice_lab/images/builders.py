"""The command lines of docker, podman and buildah."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["docker", "podman", "buildah"]


@dataclass(frozen=True)
class Build:
    """What is to be built.

    Attributes:
        context: the folder with the sources and the Dockerfile.
        tag: what the image is called then.
        seconds: the time of all that is in it, since 1970.
        target: a stage of the Dockerfile; "": the last one.
        arguments: of the Dockerfile.
        secrets: files that the build may read, by name.
    """

    context: Path
    tag: str
    seconds: int
    target: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Builder:
    """A program that builds images.

    Attributes:
        kind: which one.
        program: how it is called: the first words of each command.
    """

    kind: Kind
    program: tuple[str, ...]

    @property
    def env(self) -> dict[str, str]:
        """Variables that it needs beside the usual ones."""
        # Docker's builder of old knows no secrets; its new one would add a note of the build, with its time.
        return {"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"} if self.kind == "docker" else {}

    def build(self, what: Build) -> list[str]:
        """The command that builds."""
        # A step of an earlier build would be taken with another commit's time: builders do not look at times, nor
        # buildah at the values in labels.
        command = [*self.program, "build", "--no-cache"]
        arguments = {"SOURCE_DATE_EPOCH": str(what.seconds), **what.arguments}
        if self.kind != "docker":
            # chroot: containers, where builds often run, may make no namespaces. A base that is there is taken.
            command += ["--isolation", "chroot", "--layers", "--force-rm", "--pull-never", "--format", "oci"]
            # The program's version is nobody's input.
            command += ["--timestamp", str(what.seconds), "--identity-label=false"]
        if what.target:
            command += ["--target", what.target]
        for name in sorted(arguments):
            command += ["--build-arg", f"{name}={arguments[name]}"]
        for name in sorted(what.secrets):
            command += ["--secret", f"id={name},src={what.secrets[name]}"]
        return [*command, "--tag", what.tag, str(what.context)]

    def pull(self, image: str) -> list[str]:
        """The command that fetches from a registry."""
        return [*self.program, "pull", "--quiet", image]

    def identity(self, image: str) -> list[str]:
        """The command that prints the id of an image that is there; it fails if there is none."""
        if self.kind == "buildah":
            return [*self.program, "inspect", "--type", "image", "--format", "{{.FromImageID}}", image]
        return [*self.program, "image", "inspect", "--format", "{{.Id}}", image]

    def save(self, image: str, file: Path) -> list[str]:
        """The command that writes an image into an archive."""
        if self.kind == "docker":
            return [*self.program, "save", "--output", str(file), image]
        return [*self.program, "push", "--quiet", image, f"docker-archive:{file}:{image}"]

    def load(self, file: Path) -> list[str]:
        """The command that takes in an archive."""
        if self.kind == "buildah":
            return [*self.program, "pull", "--quiet", f"docker-archive:{file}"]
        return [*self.program, "load", "--quiet", "--input", str(file)]

    def push(self, image: str, address: str, digest: Path, login: Path | None) -> list[list[str]]:
        """The commands that put an image into a registry, and its digest into a file, if the program can."""
        if self.kind == "docker":
            return [[*self.program, "tag", image, address], [*self.program, "push", "--quiet", address]]
        known = ["--authfile", str(login)] if login else []
        return [[*self.program, "push", "--quiet", *known, "--digestfile", str(digest), image, f"docker://{address}"]]


def buildah(home: Path) -> Builder:
    """Debian's buildah with all that it keeps in `home`.

    In a mount namespace of its own: nothing that it mounts is left on this machine, not even if it is killed.
    """
    places = ("--root", f"{home}/storage", "--runroot", f"{home}/run", "--storage-driver", "overlay")
    return Builder("buildah", ("unshare", "--mount", "--propagation", "private", "buildah", *places))


def running() -> Builder | None:
    """Docker or podman, if one is there and works."""
    kinds: tuple[Kind, ...] = ("docker", "podman")
    for kind in kinds:
        if shutil.which(kind) and _answers([kind, "info"]):
            return Builder(kind, (kind,))
    return None


def _answers(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return not done.returncode
