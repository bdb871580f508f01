"""Building images, once for each state of what they are made of."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from voice_lab import commands, files, guard, packages, places, progress
from voice_lab.errors import LabError
from voice_lab.images import builders, contents, machine, names, sources, standin
from voice_lab.images.builders import Build, Builder

PACKAGES = ("buildah", "mmdebstrap")
"""Debian's, that are needed where neither docker nor podman works."""
STAND_IN = "localhost/python-stand-in"
ARCHIVES_KEPT = 3
_SECONDS = 1800


@dataclass(frozen=True)
class Built:
    """An image that is there.

    Attributes:
        name: without a registry, with its tag.
        archive: as `docker load`, `ctr images import`, kind and k3d take it.
        identity: the digest of its configuration: the same for the same input.
        megabytes: all layers, uncompressed, in 10^6 bytes.
    """

    name: str
    archive: Path
    identity: str
    megabytes: float


def home() -> Path:
    """Where images are kept."""
    return places.cache() / "images"


def builder() -> Builder:
    """What builds here: docker or podman where one works, else buildah, which is installed if it is missing.

    Raises:
        LabError: none is there, and buildah can not be had.
    """
    if found := builders.running():
        return found
    if os.geteuid() != 0:
        raise LabError(
            "images are built with docker or podman, or with buildah as root: start one of these, or use sudo"
        )
    if not shutil.which("buildah"):
        packages.install(PACKAGES)
    return builders.buildah(home())


def build(name: str, *, checkout: Path = places.CHECKOUT, pull: bool = False, fresh: bool = False) -> Built:
    """Our image `name` of the sources in `checkout`: built if it is not there yet.

    Args:
        name: of `names.TARGETS`.
        checkout: the folder with the Dockerfile.
        pull: look for a newer base image first.
        fresh: build it even if it is there.

    Raises:
        LabError: it cannot be built; the text has the end of what the builder said.
    """
    target = names.TARGETS[name]
    origin = sources.origin(checkout, target)
    arguments = {"VERSION": names.version(), "REVISION": origin.revision, "SOURCE": origin.address}
    with guard.one_after_another("build of images"):
        base = _base(pull=pull)
        settings = {**arguments, "base": base["identity"], "seconds": str(origin.seconds)}
        tagged = names.tagged(name)
        key = sources.fingerprint(checkout, target, settings)
        if (found := _kept(tagged, key)) and not fresh:
            return found
        using = builder()
        with progress.step("images", f"building {tagged} with {using.kind}"), _secrets() as secrets:
            arguments["PYTHON_IMAGE"] = _present(using, base["image"])
            what = Build(checkout, names.whole(tagged), origin.seconds, target, arguments, secrets)
            _run(using, using.build(what))
            return _keep(using, tagged, key)


def proxy(name: str) -> Built:
    """The image `name` of the portal's proxy: the official one of nginx, else a stand-in from Debian's packages."""
    with guard.one_after_another("build of images"):
        if found := _kept(name, standin.NGINX.key):
            return found
        using = builder()
        with progress.step("images", f"providing {name}"):
            if not _pulled(using, names.whole(name)):
                _stand_in(using, names.whole(name), standin.NGINX)
            return _keep(using, name, standin.NGINX.key)


def push(name: str, registry: str) -> str:
    """Put the image `name` into `registry` (a host and a path); what it is called there, with its digest if known.

    Raises:
        LabError: the registry does not take it.
    """
    built = build(name)
    address = f"{registry.rstrip('/')}/{built.name}"
    using = builder()
    with progress.step("images", f"pushing {address}"), tempfile.TemporaryDirectory() as folder:
        digest = Path(folder, "digest")
        _run(using, using.load(built.archive))
        for command in using.push(names.whole(built.name), address, digest, _login()):
            _run(using, command)
        return f"{address}@{digest.read_text().strip()}" if digest.exists() else address


def give_back() -> None:
    """Under sudo, make the archives belong to the user who called it. The builder's store stays root's, as it must."""
    for path in home().glob("*.*"):
        if path.is_file():
            guard.give_back(path)


def _login() -> Path | None:
    """Where the user, and not root, has logged in to registries."""
    if given := os.environ.get("REGISTRY_AUTH_FILE"):
        return Path(given)
    config = Path(f"~{os.environ.get('SUDO_USER', '')}").expanduser() / ".docker/config.json"
    return config if config.is_file() else None


def _base(*, pull: bool) -> dict[str, str]:
    """The image that ours are built on, and its id: what was chosen before, if it is not looked for anew."""
    note = home() / "base.json"
    wanted = os.environ.get("PYTHON_IMAGE") or names.PYTHON
    if not pull and note.exists():
        chosen: dict[str, str] = json.loads(note.read_text())
        # A stand-in of an older recipe is none.
        if chosen["wanted"] == wanted and chosen["recipe"] == standin.PYTHON.key:
            return chosen
    using = builder()
    with progress.step("images", f"providing {wanted}"):
        image = wanted
        if not _pulled(using, wanted):
            image = f"{STAND_IN}:{standin.PYTHON.key}"
            if not _identity(using, image):
                _stand_in(using, image, standin.PYTHON)
    chosen = {"wanted": wanted, "recipe": standin.PYTHON.key, "image": image, "identity": _identity(using, image)}
    files.write_private(note, json.dumps(chosen))
    return chosen


def _pulled(using: Builder, image: str) -> bool:
    try:
        _run(using, using.pull(image), seconds=600)
    except LabError as error:
        progress.say(f"images: {image} cannot be had here ({str(error).rpartition(': ')[2]}); making a stand-in")
        return False
    return True


def _present(using: Builder, image: str) -> str:
    """The base, made again if somebody removed it from the builder's store."""
    if not _identity(using, image):
        _base(pull=True)
    return image


def _stand_in(using: Builder, image: str, what: standin.StandIn) -> None:
    """Make `image` of Debian's packages."""
    if os.geteuid() != 0:
        raise LabError(f"no registry has {image}, and a stand-in is made as root only: use sudo")
    packages.install(PACKAGES)
    mirror = standin.mirror(standin.sources())
    with tempfile.TemporaryDirectory(dir=_temporary()) as folder:
        commands.run(standin.bootstrap(what, mirror, Path(folder, "files.tar")), seconds=_SECONDS)
        Path(folder, "Dockerfile").write_text(standin.dockerfile(what, "files.tar"))
        _run(using, using.build(Build(Path(folder), image, 0)))


def _identity(using: Builder, image: str) -> str:
    """The image's id; "" if it is not there."""
    try:
        return _run(using, using.identity(image)).strip()
    except LabError:
        return ""


@contextmanager
def _secrets() -> Iterator[dict[str, Path]]:
    """The files that tell a build the way to the package index, gone after it."""
    here = machine.here(os.environ, machine.configurations(os.environ, Path.home()))
    with tempfile.TemporaryDirectory(dir=_temporary()) as folder:
        found = {"machine": Path(folder, "machine"), "authorities": Path(folder, "authorities")}
        files.write_private(found["machine"], here.settings)
        files.write_private(found["authorities"], here.authorities)
        yield found


def _kept(name: str, key: str) -> Built | None:
    note = _place(name, key).with_suffix(".json")
    if not note.exists():
        return None
    values = json.loads(note.read_text())
    return Built(**{**values, "archive": Path(values["archive"])})


def _keep(using: Builder, name: str, key: str) -> Built:
    """Write the archive of an image that the builder has."""
    target = _place(name, key)
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    _run(using, using.save(names.whole(name), partial))
    partial.rename(target)
    found = contents.read(target)
    built = Built(name, target, found.identity, found.megabytes)
    text = json.dumps({**asdict(built), "archive": str(target)})
    files.write_private(target.with_suffix(".json"), text)
    _forget(using, name)
    return built


def _forget(using: Builder, name: str) -> None:
    """Remove what was kept of earlier builds, but for the newest."""
    earlier = sorted(home().glob(_file(name, "*")), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in earlier[ARCHIVES_KEPT:]:
        each.with_suffix(".json").unlink(missing_ok=True)
        each.unlink()
    if using.kind != "buildah":
        return  # the user's own store: others work there too
    _run(using, [*using.program, "rmi", "--prune", "--force"])


def _place(name: str, key: str) -> Path:
    home().mkdir(parents=True, exist_ok=True)
    return home() / _file(name, key)


def _file(name: str, key: str) -> str:
    return f"{name.replace('/', '-').replace(':', '-')}-{key}.tar"


def _temporary() -> Path:
    folder = home() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(using: Builder, command: list[str], *, seconds: float = _SECONDS) -> str:
    # What builders put beside their store is as large as an image: not into a /tmp that is memory.
    env: Mapping[str, str] = {**os.environ, "TMPDIR": str(_temporary()), **using.env}
    return commands.run(command, seconds=seconds, env=env)
