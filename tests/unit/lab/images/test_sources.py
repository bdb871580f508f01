"""What is made of the same sources is known again, and tells where it comes from."""

import shutil
import subprocess
from pathlib import Path

import pytest

from voice_lab import places
from voice_lab.images import names, sources

SETTINGS = {"VERSION": "1"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small one, with a file of each kind that goes into an image."""
    root = tmp_path / "checkout"
    for path in (*sources.COMMON, "operator/a.py", "portal/b.py"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def commit(root: Path, message: str) -> str:
    """Commit all, and return the commit."""
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.net"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", message, "--date", "@1700000000 +0000"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("path", [*sources.COMMON, "operator/a.py"])
def test_a_change_of_any_file_of_an_image_is_a_change_of_it(checkout: Path, path: str) -> None:
    before = sources.fingerprint(checkout, "operator", SETTINGS)
    (checkout / path).write_text("something else")
    assert sources.fingerprint(checkout, "operator", SETTINGS) != before


def test_what_is_not_in_an_image_does_not_change_it(checkout: Path) -> None:
    before = sources.fingerprint(checkout, "operator", SETTINGS)
    (checkout / "portal/b.py").write_text("something else")
    (checkout / "README.md").write_text("new")
    (checkout / "operator/__pycache__").mkdir()
    (checkout / "operator/__pycache__/a.pyc").write_bytes(b"compiled")
    assert sources.fingerprint(checkout, "operator", SETTINGS) == before


def test_a_file_that_moves_and_a_setting_change_it(checkout: Path) -> None:
    before = sources.fingerprint(checkout, "operator", SETTINGS)
    (checkout / "operator/a.py").rename(checkout / "operator/c.py")
    moved = sources.fingerprint(checkout, "operator", SETTINGS)
    assert len({before, moved, sources.fingerprint(checkout, "operator", {"VERSION": "2"})}) == 3


def test_the_times_of_files_do_not_matter(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkout, copy, copy_function=shutil.copyfile)
    assert sources.fingerprint(copy, "portal", SETTINGS) == sources.fingerprint(checkout, "portal", SETTINGS)


def test_the_revision_is_the_last_commit_that_changed_the_image(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1700000000 +0000")
    first = commit(checkout, "first")
    (checkout / "README.md").write_text("new")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1800000000 +0000")
    commit(checkout, "nothing of an image")
    assert sources.origin(checkout, "operator") == sources.Origin(first, 1700000000, "")
    (checkout / "portal/b.py").write_text("not committed")
    assert sources.origin(checkout, "operator").revision == first
    assert sources.origin(checkout, "portal").revision == f"{first}-dirty"


def test_without_git_there_is_no_revision_and_the_time_is_that_of_the_environment(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(checkout.parent))
    assert sources.origin(checkout, "operator") == sources.Origin("", 0, "")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234")
    assert sources.origin(checkout, "operator").seconds == 1234


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://git.example.net/voice/quality.git", "https://git.example.net/voice/quality"),
        ("https://user:secret@git.example.net/voice", "https://git.example.net/voice"),
        ("git@git.example.net:voice/quality.git", "https://git.example.net/voice/quality"),
        ("ssh://git@git.example.net/voice", "https://git.example.net/voice"),
        ("/srv/git/voice", ""),
        ("file:///srv/git/voice", ""),
        ("", ""),
    ],
)
def test_an_address_is_told_as_anybody_may_read_it(remote: str, address: str) -> None:
    assert sources.public(remote) == address


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("nginx:1.29-alpine", "docker.io/library/nginx:1.29-alpine"),
        ("bitnami/nginx:1", "docker.io/bitnami/nginx:1"),
        ("registry.example.net/nginx:1", "registry.example.net/nginx:1"),
        ("localhost/nginx:1", "localhost/nginx:1"),
        ("voice-quality-portal", f"docker.io/library/voice-quality-portal:{names.version()}"),
    ],
)
def test_a_name_is_completed_as_container_runtimes_do(name: str, whole: str) -> None:
    assert names.whole(name) == whole


def test_the_targets_are_stages_and_extras_and_folders() -> None:
    dockerfile = (places.CHECKOUT / "Dockerfile").read_text()
    for target in names.TARGETS.values():
        assert f"FROM scratch AS {target}\n" in dockerfile
        assert f"--extra {target} " in dockerfile
        assert f"COPY {target}/ own/\n" in dockerfile
