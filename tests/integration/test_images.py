"""The images of operator and portal: small, the same each time, with nothing in them that does not belong there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from tests.integration import running_registry
from voice_lab import images, pki, places
from voice_lab.errors import LabError
from voice_lab.images import contents, licences, making, names, sources
from voice_lab.images.contents import Contents
from voice_lab.images.machine import SYSTEM, WHERE
from voice_lab.images.rootfs.interpreter import USER
from voice_lab.images.rootfs.targets import TARGETS

pytestmark = [
    pytest.mark.long,
    pytest.mark.services,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="images are built as root, where neither docker nor podman works"),
]

GOALS = {names.OPERATOR: 120, names.PORTAL: 140}
VALIDATOR = "cyclonedx-python-lib[json-validation]==11.12.0"
BOTH = pytest.mark.parametrize("name", sorted(names.TARGETS))


@pytest.fixture(scope="session")
def image_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The root file system of each image, as a container finds it."""
    found = {}
    for name in names.TARGETS:
        found[name] = root = tmp_path_factory.mktemp(name)
        root.chmod(0o755)
        for layer in contents.layers(images.archive(name)):
            with tarfile.open(fileobj=layer) as tar:
                tar.extractall(root, filter="fully_trusted")  # noqa: S202 - our own
    return found


def described(name: str) -> Contents:
    """The image, as it is built of this checkout."""
    return contents.read(images.archive(name))


def run(root: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python in an image as its user, on a file system where only /tmp can be written."""
    mounts = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount -t tmpfs none "$0/tmp" && '
    enter = f'exec chroot --userspec={USER}:{USER} "$0" /usr/local/bin/python "$@"'
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **settings}
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounts + enter, str(root), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


@BOTH
def test_it_is_as_small_as_it_should_be(name: str) -> None:
    assert images.figures()[f"image_mb_{names.TARGETS[name]}"] <= GOALS[name]


@BOTH
def test_it_runs_as_nobody_special_from_a_root_that_nobody_owns(name: str) -> None:
    image = described(name)
    assert image.config["config"]["User"] == f"{USER}:{USER}"
    assert image.config["config"]["WorkingDir"] == "/"
    assert "Entrypoint" not in image.config["config"]
    for path, member in contents.members(image.file).items():
        assert (member.uid, member.gid) == (0, 0), path
        assert member.issym() or path == "/tmp" or not member.mode & 0o022, f"{path} can be changed"
        assert not member.mode & 0o6000, f"{path} makes its user another"


@BOTH
def test_it_says_what_it_is(name: str) -> None:
    origin = sources.origin(places.CHECKOUT, names.TARGETS[name])
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in described(name).labels.items()}
    assert labels == {
        "title": f"Voice Quality Reporting: {names.TARGETS[name]}",
        "description": labels["description"],
        "licenses": "Apache-2.0",
        "version": names.version(),
        "revision": origin.revision,
        "source": origin.address,
    }


@BOTH
def test_the_only_program_in_it_is_python(name: str) -> None:
    members = contents.members(images.archive(name))
    executable = {path for path, each in members.items() if each.isfile() and each.mode & 0o111}
    assert [re.sub(r"\d+$", "", each) for each in executable if ".so" not in each] == [f"{_python(members)}."]
    in_bin = {path for path in members if re.search(r"/s?bin/", path)}
    assert in_bin - executable == {"/usr/local/bin/python"}
    unwanted = re.compile(r"/(pip|setuptools|ensurepip|venv|uv)(-[\d.]+\.dist-info)?$")
    assert [path for path in members if unwanted.search(path)] == []
    # Where scanners look for what the files came from; a record and no program.
    assert not [path for path in members if path.startswith("/var/lib/dpkg/") and "/status.d" not in path]


def _python(members: dict[str, tarfile.TarInfo]) -> str:
    """Where Python is, without the last part of its version."""
    link = "/usr/local/bin/python"
    return os.path.normpath(Path(link).parent / members[link].linkname).rpartition(".")[0]


# What a package's copyright file must say for a person to have read this in it.
SAYS = {
    "0BSD": r"^License: 0BSD$",
    "Apache-2.0": r"^License: Apache-2\.0$",
    "BSD-3-Clause": r"^License: BSD-3-clause( or GPL-2)?$",
    "GPL-3.0-or-later WITH GCC-exception-3.1": r"GCC RUNTIME LIBRARY EXCEPTION\s+Version 3\.1",
    "LGPL-2.1-or-later": r"^License: LGPL-2\.1\+$",
    "LicenseRef-public-domain": r"^License: public-domain$",
    "MIT": r"^License: (MIT|Expat)$",
    "MPL-2.0": r"^License: MPL-2\.0$",
    "PSF-2.0": r"PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2",
    "Zlib": r"^License: Zlib$",
    "bzip2-1.0.6": r"^License: BSD-variant$(.|\n)+The origin of this software must not be misrepresented",
}


@BOTH
def test_each_of_debians_packages_is_under_the_licence_that_the_table_says(
    name: str, image_files: dict[str, Path]
) -> None:
    root = image_files[name]
    packages = sorted(path.name for path in (root / "var/lib/dpkg/status.d").iterdir())
    assert len(packages) > 10
    for package in packages:
        text = (root / "usr/share/doc" / package / "copyright").read_text()
        assert re.search(SAYS[licences.SYSTEM[package]], text, re.MULTILINE), package


@BOTH
def test_the_texts_of_licences_that_packages_name_come_along(name: str, image_files: dict[str, Path]) -> None:
    root = image_files[name]
    named = set()
    for path in (root / "usr/share/doc").glob("*/copyright"):
        named |= set(re.findall(r"/usr/share/common-licenses/(\w[\w.-]*\w)", path.read_text()))
    assert {"GPL-3", "LGPL-2.1"} <= named
    assert "Version 2.1, February 1999" in (root / "usr/share/common-licenses/LGPL-2.1").read_text()
    assert named <= {path.name for path in (root / "usr/share/common-licenses").iterdir()}


@BOTH
def test_its_packages_are_those_of_the_lock(name: str) -> None:
    lock = tomllib.loads((places.CHECKOUT / "uv.lock").read_text())
    locked = {each["name"]: each["version"] for each in lock["package"]}
    found = contents.texts(images.archive(name), lambda path: path.endswith(".dist-info/METADATA"))
    packages = {part.name: part.version for part in map(licences.of_package, found.values())}
    assert packages == {each: locked[each] for each in packages}
    wanted = licences.reachable(lock, "voice-quality-reporting", [names.TARGETS[name]])
    own = {"voice-quality-reporting"}
    for_others = {"tzdata", "colorama", "pywin32", "backports-zoneinfo", "async-timeout", "exceptiongroup"}
    assert own <= set(packages) <= wanted | own
    assert wanted - set(packages) <= for_others


@BOTH
def test_it_starts_and_all_its_modules_can_be_imported_without_writing_anywhere(
    name: str, image_files: dict[str, Path]
) -> None:
    target = TARGETS[names.TARGETS[name]]
    for arguments in target.starts:
        done = run(image_files[name], *arguments, **target.settings)
        assert done.returncode == 0, done.stderr


@BOTH
def test_only_its_temporary_folder_can_be_written(name: str, image_files: dict[str, Path]) -> None:
    code = (
        "import os, tempfile\n"
        "print(os.getuid(), os.getgid(), tempfile.gettempdir())\n"
        "for place in '/', '/usr', '/etc', '/usr/local/lib':\n"
        "    try:\n        open(place + '/x', 'w')\n"
        "    except OSError as error:\n        print(error.strerror)\n"
    )
    done = run(image_files[name], "-c", code)
    assert done.stdout.splitlines() == [f"{USER} {USER} /tmp", *["Read-only file system"] * 4], done.stderr


def test_the_portals_django_is_as_it_should_be(image_files: dict[str, Path]) -> None:
    settings = TARGETS["portal"].settings
    done = run(image_files[names.PORTAL], "-m", "django", "check", **settings)
    assert done.stdout == "System check identified no issues (0 silenced).\n", done.stderr


@BOTH
def test_it_knows_authorities_time_zones_and_cryptography(name: str, image_files: dict[str, Path]) -> None:
    code = (
        "import ssl, zoneinfo, hashlib, zlib, bz2, lzma, ctypes, uuid, socket, decimal, pwd\n"
        "print(len(ssl.create_default_context().get_ca_certs()) > 100, zoneinfo.ZoneInfo('Asia/Kolkata').key,"
        " len(zoneinfo.available_timezones()) > 400, pwd.getpwuid(10001).pw_name)"
    )
    done = run(image_files[name], "-c", code)
    assert done.stdout == "True Asia/Kolkata True voice\n", done.stderr


def test_a_fault_of_ours_is_shown_with_its_line(image_files: dict[str, Path]) -> None:
    done = run(image_files[names.OPERATOR], "-c", "from voiceprobe_operator import names; names.account(None)")
    if "AttributeError: module" in done.stderr:
        pytest.fail("the function that this test misuses has another name now")
    assert re.search(r'File ".*/voiceprobe_operator/names\.py", line \d+, in account\n\s+\S', done.stderr), done.stderr


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What images are made of, apart: the checkout may change while a test runs."""
    root = tmp_path_factory.mktemp("sources")
    for path in {*sources.COMMON, *names.TARGETS.values()}:
        whole = places.CHECKOUT / path
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if whole.is_dir() else shutil.copyfile)(whole, root / path)
    return root


@BOTH
def test_the_same_input_makes_the_same_image_on_another_machine(
    name: str, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what earlier builds left, with other times of files and other settings, none of which is in any layer."""
    first = making.build(name, checkout=copy)
    kept = first.archive.rename(tmp_path / "first.tar")
    first.archive.with_suffix(".json").unlink()

    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    pki.create_authority(tmp_path)
    bundle = tmp_path / "authorities.pem"
    certificate = (tmp_path / "ca.pem").read_text()
    bundle.write_text(SYSTEM.read_text() + certificate if SYSTEM.exists() else certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("no_proxy", f"{os.environ.get('no_proxy', 'localhost')},canary.example.net")
    second = making.build(name, checkout=copy, fresh=True)

    assert second.identity == first.identity
    unwanted = [
        b"canary.example.net",
        WHERE.encode(),
        str(places.cache()).encode(),
        certificate.splitlines()[5].encode(),
    ]
    for file in (kept, second.archive):
        content = file.read_bytes()
        assert [each for each in unwanted if each in content] == []
    second.archive.unlink()
    second.archive.with_suffix(".json").unlink()


def test_what_is_there_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {name: making.build(name) for name in names.TARGETS}
    monkeypatch.setattr(making, "builder", lambda: pytest.fail("it looked for a builder"))
    assert {name: making.build(name) for name in names.TARGETS} == first


def test_a_push_says_under_which_name_and_digest_an_image_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_registry.running() as registry:
        # As an administrator says that a registry has no TLS.
        settings = tmp_path / "registries.conf"
        settings.write_text(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(settings))
        told = making.push(names.PORTAL, f"{registry.address}/voice/")
    tagged = names.tagged(names.PORTAL)
    ((path, manifest),) = registry.manifests.items()
    assert path == f"/v2/voice/{names.PORTAL}/manifests/{names.version()}"
    assert told == f"{registry.address}/voice/{tagged}@sha256:{sha256(manifest).hexdigest()}"
    assert json.loads(manifest)["config"]["digest"] == described(names.PORTAL).identity


def test_a_registry_that_is_not_there_is_named() -> None:
    with running_registry.running() as registry:
        address = registry.address
    with pytest.raises(LabError, match=re.escape(address)):
        making.push(names.PORTAL, address)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line that the Makefile calls."""
    words = [str(places.CHECKOUT / ".venv/bin/python"), "-m", "voice_lab.images", *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=900, check=False)


def test_a_push_without_a_registry_is_refused_in_a_sentence() -> None:
    done = command("push", "")
    assert done.returncode == 1
    assert "no registry is named: make image push REGISTRY=registry.example.net/voice" in done.stderr


def test_each_image_has_a_bill_of_materials_that_is_valid(tmp_path: Path) -> None:
    done = command("sbom", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for name in names.TARGETS:
        file = tmp_path / f"{name}.cdx.json"
        told = json.loads(file.read_text())
        kinds = {each["purl"].partition("/")[0] for each in told["components"]}
        assert {"pkg:pypi", "pkg:deb"} <= kinds
        assert all(each["licenses"] for each in told["components"])
        check = (
            "import sys; from cyclonedx.schema import SchemaVersion;"
            "from cyclonedx.validation.json import JsonStrictValidator;"
            "sys.exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()) and 'not valid')"
        )
        uv = shutil.which("uv") or str(places.cache() / "uv/bin/uv")
        isolated = [uv, "run", "--quiet", "--isolated", "--no-project", "--with", VALIDATOR, "python", "-c", check]
        subprocess.run([*isolated, str(file)], check=True, timeout=600)
