"""`make release`: what it refuses, what it commits and tags, what it writes, and that it pushes nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from tests.chart import LINES, helm, with_required
from voice_lab import places
from voice_lab.errors import LabError
from voice_lab.images import licences, names
from voice_lab.images.making import Built
from voice_lab.release import changelog, releasing

pytestmark = pytest.mark.services

SECONDS = "1700000000"
NOTES = "### Added\n\n- A first thing.\n"
CHANGES = f"# Changelog\n\n## [Unreleased]\n\n{NOTES}"
FILES = (
    "LICENSE", "SHA256SUMS", "licences.txt", "release-notes.md", "voice-quality-1.2.3.tgz",
    "voice-quality-crds-1.2.3.yaml", "voice-quality-operator-1.2.3.cdx.json", "voice-quality-operator-1.2.3.tar.gz",
    "voice-quality-portal-1.2.3.cdx.json", "voice-quality-portal-1.2.3.tar.gz",
)  # fmt: skip


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever releases, with no settings of this machine's git."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "person@example.net")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a repository with what a release is made of, as it is here."""
    origin = tmp_path / "origin"
    for name in ("pyproject.toml", "uv.lock", "LICENSE", ".gitignore", "sipapp/voice_sipapp/__init__.py"):
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(places.CHECKOUT / name, origin / name)
    for name in ("charts", "crds"):
        shutil.copytree(places.CHECKOUT / name, origin / name, symlinks=True)
    (origin / changelog.FILE).write_text(CHANGES)
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "Start")
    return cloned(origin, tmp_path / "clone")


def cloned(origin: Path, target: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(origin), str(target)], check=True)
    return target


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, path: str, text: str) -> None:
    (root / path).write_text(text)
    git(root, "add", path)
    git(root, "commit", "--quiet", "--message", f"Change {path}")


def images(folder: Path, licence: str = "MIT") -> dict[str, Built]:
    """Small images of the version, in place of ours, which take minutes to build."""
    return {name: small_image(folder / f"{name}.tar", f"{name}:1.2.3", licence) for name in names.TARGETS}


def small_image(file: Path, name: str, licence: str) -> Built:
    text = f"Metadata-Version: 2.1\nName: a\nVersion: 1\nLicense-Expression: {licence}\n\n"
    site = "usr/lib/python3.13/site-packages/a-1.dist-info/METADATA"
    layer = tarred({"usr/lib/python3.13/VERSION": b"3.13.5\n", site: text.encode()})
    labels = {"org.opencontainers.image.description": "small"}
    config = {"config": {"Labels": labels}, "created": "2026-01-02T03:04:05Z", "architecture": "amd64"}
    manifest = [{"Config": "abc.json", "Layers": ["1.tar"]}]
    entries = {"1.tar": layer, "abc.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    file.write_bytes(tarred(entries))
    return Built(name, file, "sha256:abc", 0.1)


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def release(root: Path, version: str = "1.2.3") -> Path:
    return releasing.make(root, version, lambda: images(root.parent))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_it_commits_tags_and_writes_all_that_is_handed_on(clone: Path) -> None:
    folder = release(clone)
    assert folder == clone / "dist" / "1.2.3"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert git(clone, "log", "--format=%s") == "Release 1.2.3\nStart"
    assert git(clone, "rev-parse", "v1.2.3^{commit}") == git(clone, "rev-parse", "HEAD")
    assert git(clone, "status", "--porcelain") == ""
    changed = git(clone, "show", "--format=", "--name-only").splitlines()
    assert sorted(changed) == sorted(releasing.WRITTEN)
    assert (folder / "release-notes.md").read_text() == f"# Voice Quality Reporting 1.2.3\n\n{NOTES}"
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)
    crds = list(yaml.safe_load_all((folder / "voice-quality-crds-1.2.3.yaml").read_text()))
    assert sorted(crd["spec"]["names"]["plural"] for crd in crds) == ["numberallotments", "voiceclients", "voiceprobes"]
    assert "sippy" in (folder / "licences.txt").read_text()


def test_nothing_reaches_the_repository_that_it_was_cloned_from(clone: Path, tmp_path: Path) -> None:
    before = git(tmp_path / "origin", "for-each-ref")
    release(clone)
    assert git(tmp_path / "origin", "for-each-ref") == before


def test_the_same_commit_makes_the_same_files_elsewhere_and_later(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"{SECONDS} +0000")
    first = digests(release(clone))
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    other = cloned(clone, tmp_path / "other")
    for path in other.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
    again = digests(release(other))
    assert again == first
    assert git(other, "rev-parse", "HEAD") == git(clone, "rev-parse", "HEAD"), "it is released already"


@pytest.mark.parametrize("line", LINES)
def test_both_helms_take_the_package_for_the_chart_of_that_version(clone: Path, line: str) -> None:
    package = release(clone) / "voice-quality-1.2.3.tgz"
    shown = helm(line, "show", "chart", str(package))
    assert yaml.safe_load(shown.stdout)["version"] == yaml.safe_load(shown.stdout)["appVersion"] == "1.2.3"
    packed, plain = (
        helm(line, "template", "x", str(where), "--include-crds", "--namespace", "voice", values=with_required({}))
        for where in (package, clone / "charts" / "voice-quality")
    )
    assert packed.returncode == 0, packed.stderr
    assert "voice-quality-operator:1.2.3" in packed.stdout
    assert packed.stdout == plain.stdout


def test_a_release_that_failed_half_way_is_taken_up_again(clone: Path) -> None:
    def fail() -> Mapping[str, Built]:
        raise LabError("no registry answers")

    with pytest.raises(LabError, match="no registry answers"):
        releasing.make(clone, "1.2.3", fail)
    assert git(clone, "tag") == "", "nothing has that name before it is there"
    release(clone)
    assert git(clone, "log", "--format=%s") == "Release 1.2.3\nStart"
    assert git(clone, "tag") == "v1.2.3"


def test_the_next_one_has_its_own_section(clone: Path) -> None:
    release(clone)
    text = (clone / changelog.FILE).read_text()
    commit(clone, changelog.FILE, text.replace("## [Unreleased]", "## [Unreleased]\n\n- A second thing."))
    notes = (release(clone, "1.3.0") / "release-notes.md").read_text()
    assert notes == "# Voice Quality Reporting 1.3.0\n\n- A second thing.\n"


def untracked(root: Path) -> None:
    (root / "portal.py").write_text("x = 1\n")


def changed(root: Path) -> None:
    (root / "LICENSE").write_text("none")


def without_section(root: Path) -> None:
    commit(root, changelog.FILE, "# Changelog\n")


def with_empty_section(root: Path) -> None:
    commit(root, changelog.FILE, "# Changelog\n\n## [Unreleased]\n\n### Added\n")


def with_a_higher_one(root: Path) -> None:
    commit(root, changelog.FILE, f"{CHANGES}\n## [1.10.0] - 2026-01-01\n\n- x\n")


def with_it_elsewhere(root: Path) -> None:
    git(root, "tag", "v1.2.3")
    commit(root, "LICENSE", "other")


def without_history(root: Path) -> None:
    (root / ".git" / "shallow").write_text(git(root, "rev-parse", "HEAD") + "\n")


def with_two_versions(root: Path) -> None:
    chart = root / "charts/voice-quality/Chart.yaml"
    commit(root, "charts/voice-quality/Chart.yaml", chart.read_text().replace("appVersion", "version"))


REFUSED = {
    "not committed": (untracked, "1.2.3", "not everything here is committed, portal.py for one: commit the changes"),
    "changed": (changed, "1.2.3", "not everything here is committed, LICENSE for one"),
    "no section": (without_section, "1.2.3", "CHANGELOG.md has no section `## [Unreleased]`: write what changed"),
    "empty section": (with_empty_section, "1.2.3", "CHANGELOG.md says of nothing that it changed since the last"),
    "not above": (with_a_higher_one, "1.9.9", "1.9.9 is not above 1.10.0, the last version in CHANGELOG.md"),
    "the last one": (with_a_higher_one, "1.10.0", "1.10.0 is not above 1.10.0, the last version"),
    "released": (with_it_elsewhere, "1.2.3", "1.2.3 is released, as the commit "),
    "shallow": (without_history, "1.2.3", "this clone has no whole history"),
    "not one line": (with_two_versions, "1.2.3", "Chart.yaml has 2 lines with the version, and not one"),
    "no version": (lambda _: None, "", "no version is named: make release VERSION=1.2.3"),
    "no SemVer": (lambda _: None, "1.2", "'1.2' is no version that can be released"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_released_is_refused_in_a_sentence_and_all_is_as_it_was(clone: Path, case: str) -> None:
    make, version, sentence = REFUSED[case]
    make(clone)
    before = git(clone, "log", "--format=%H"), git(clone, "status", "--porcelain"), git(clone, "tag")
    with pytest.raises(LabError) as caught:
        release(clone, version)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (git(clone, "log", "--format=%H"), git(clone, "status", "--porcelain"), git(clone, "tag")) == before


def test_a_licence_that_forbids_it_is_refused(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "READ", {**licences.READ, "django": "AGPL-3.0-only"})
    with pytest.raises(LabError, match=r"^django \S+ is under AGPL-3\.0-only, which is not among the licences"):
        release(clone)
    assert git(clone, "log", "--format=%s") == "Start"


def test_one_in_an_image_too_and_nothing_has_the_versions_name(clone: Path) -> None:
    with pytest.raises(LabError, match=r"^a 1 is under AGPL-3\.0-only"):
        releasing.make(clone, "1.2.3", lambda: images(clone.parent, "AGPL-3.0-only"))
    assert git(clone, "tag") == ""
    assert not (clone / "dist" / "1.2.3").exists()


def test_a_commit_that_git_refuses_leaves_all_as_it_was(clone: Path) -> None:
    hook = clone / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho 'not today' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(LabError, match="not today"):
        release(clone)
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "log", "--format=%s") == "Start"


def test_who_is_nobody_for_git_is_told_how_to_be_somebody(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    git(clone, "config", "user.useConfigOnly", "true")
    with pytest.raises(LabError, match=r"git does not know who you are: git config user\.name and user\.email"):
        release(clone)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to somebody else")
def test_root_leaves_a_repository_to_whose_it_is(clone: Path) -> None:
    os.chown(clone, 1000, 1000)
    with pytest.raises(LabError, match="belongs to somebody else, and a release commits: say it as they"):
        release(clone)


def make(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What make would run."""
    command = ["make", "--dry-run", "--no-print-directory", *words]
    return subprocess.run(
        command, cwd=places.CHECKOUT, capture_output=True, text=True, env={**os.environ, **(env or {})}, check=False
    )


def test_a_version_that_stands_in_the_shell_is_not_meant() -> None:
    assert "voice_lab.release ''" in make("release", env={"VERSION": "9.9.9"}).stdout
    assert "voice_lab.release '1.2.3'" in make("release", "VERSION=1.2.3").stdout


@pytest.mark.parametrize("words", [("push",), ("image", "push"), ("image", "push", "REGISTRY=")])
def test_a_push_without_a_registry_is_refused_before_anything_is_built(words: tuple[str, ...]) -> None:
    done = make(*words)
    assert done.returncode == 2
    assert "no registry is named: make image push REGISTRY=registry.example.net/voice" in done.stderr
    assert done.stdout == ""
    assert "voice_lab.images build" in make("image", "push", "REGISTRY=registry.example.net").stdout
