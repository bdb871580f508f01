"""The Grafana server."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from voice_lab import commands, fetch, files, packages, places, progress
from voice_lab.errors import LabError
from voice_lab.tools import go, grafana_pages

RELEASE = "12.1.1"

# The newest version that is published as a Go module.
MODULE = "github.com/grafana/grafana"
MODULE_VERSION = "v1.9.2-0.20230609164553-81d85ce8028d"
MODULE_SUM = "h1:nEQOIzFVY/zsD915THCfkl+HIvGW+AounbAQ61ejFcs="
MODULE_RELEASE = "10.0.0-preview"
TOOLCHAIN = "go1.20.14"
# v0.5.0, which the module itself names, writes the same file but fails on a current Go.
WIRE = "github.com/google/wire/cmd/wire@v0.7.0"

_TRIED_AGAIN_S = 86_400

# What the server never reads: frontend sources and test data.
_UNUSED_SUFFIXES = (".ts", ".tsx", ".js", ".jsx", ".scss", ".snap", ".mdx", ".cue", ".go", ".grammar")
_UNUSED_FOLDERS = {"__mocks__", "__snapshots__", "__fixtures__", "fixtures"}
_UNUSED_TREES = {"sass", "test", "testdata", "lib"}  # of public/


def install() -> None:
    """Have Grafana at home, with its web pages if they can be had; without them the portal draws its own charts."""
    place = home()
    if place != _built() or grafana_pages.are_in(place):
        return
    failed = place.with_name(f"{place.name}.no-pages")
    if failed.exists() and time.time() - failed.stat().st_mtime < _TRIED_AGAIN_S:
        progress.say(f"grafana: it has no web pages (remove {failed} to try again): {failed.read_text()}")
        return
    try:
        _build_pages(place)
    except (LabError, OSError) as error:
        failed.write_text(str(error))
        progress.say(f"grafana: it has no web pages, so dashboards are not drawn: {error}")


def _build_pages(place: Path) -> None:
    work = places.cache() / "build" / "grafana-pages"
    # What a run that was broken off left is half edited.
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with progress.step("grafana", "building Grafana's web pages (some minutes, once)"):
            grafana_pages.need_node()
            grafana_pages.build(_source(work, go.environment(GOTOOLCHAIN=TOOLCHAIN)), place)
    finally:
        shutil.rmtree(work)


def home() -> Path:
    """Return Grafana's home folder (`bin/grafana`, `conf/`, `public/`), fetching or building it once.

    Looked for in $GRAFANA_HOME, then in our cache.

    Raises:
        LabError: it can be neither found, fetched nor built.
    """
    if chosen := os.environ.get("GRAFANA_HOME"):
        return _complete(Path(chosen), "GRAFANA_HOME")
    released, built = places.cache() / "tools" / f"grafana-{RELEASE}", _built()
    if built.exists() and not released.exists():
        return built
    if not released.exists():
        try:
            with progress.step("grafana", f"fetching Grafana {RELEASE}"):
                _download(released)
        except fetch.Unreachable as error:
            progress.say(f"grafana: no official release ({error}); building the server instead")
            _build(built)
            return built
    return released


def _built() -> Path:
    return places.cache() / "tools" / f"grafana-{MODULE_RELEASE}-server"


def _complete(path: Path, name: str) -> Path:
    if not (path / "bin" / "grafana").exists():
        raise LabError(f"{name} is {path}, but there is no bin/grafana in it (Grafana 9.4 or newer is needed)")
    return path


def _download(target: Path) -> None:
    url = f"https://dl.grafana.com/oss/release/grafana-{RELEASE}.linux-{go.architecture()}.tar.gz"
    archive = target.with_suffix(".tar.gz")
    fetch.file(url, archive, sha256=fetch.text(f"{url}.sha256").split()[0])
    fetch.unpack(archive, target)
    archive.unlink()


def _build(target: Path) -> None:
    """Build the server from its Go module; `target` appears only when it is whole."""
    work = places.cache() / "build" / "grafana"
    work.mkdir(parents=True, exist_ok=True)
    env = _environment(work)
    with progress.step("grafana", f"building the Grafana {MODULE_RELEASE} server (some minutes, once)"):
        source = _source(work, env)
        _generate(work, source, env)
        flags = f"-s -w -X main.version={MODULE_RELEASE} -X main.commit={MODULE_VERSION.rpartition('-')[2]}"
        build = ["go", "build", "-trimpath", "-ldflags", flags]
        with files.filling(target) as partial:
            commands.run(
                [*build, "-o", f"{partial}/bin/grafana", "./pkg/cmd/grafana"], seconds=3600, env=env, cwd=source
            )
            _copy_home(source, partial)
    shutil.rmtree(work)


def _environment(work: Path) -> dict[str, str]:
    if not shutil.which("gcc"):
        packages.install(["gcc", "libc6-dev"])  # its SQLite is C
    env = go.environment(GOTOOLCHAIN=TOOLCHAIN, CGO_ENABLED="1", GOBIN=str(work / "bin"))
    go_root = commands.run([go.program(), "env", "GOROOT"], seconds=600, env=env, cwd=work).strip()
    return {**env, "PATH": f"{go_root}/bin:{env['PATH']}"}  # wire starts `go` by name


def _source(work: Path, env: dict[str, str]) -> Path:
    """Return a writable copy of the module, which is a main module, so that its own `replace` lines apply."""
    answer = commands.run(
        ["go", "mod", "download", "-json", f"{MODULE}@{MODULE_VERSION}"], seconds=1800, env=env, cwd=work
    )
    found = json.loads(answer)
    if found["Sum"] != MODULE_SUM:
        raise LabError(f"{MODULE}@{MODULE_VERSION} has the checksum {found['Sum']}, not {MODULE_SUM}: do not use it")
    source = work / "src"
    if not (source / ".copied").exists():
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(found["Dir"], source, copy_function=shutil.copyfile)
        (source / ".copied").touch()
    return source


def _generate(work: Path, source: Path, env: dict[str, str]) -> None:
    """Write the one generated file that the module lacks."""
    if (source / "pkg" / "server" / "wire_gen.go").exists():
        return
    commands.run(["go", "mod", "download"], seconds=1800, env=env, cwd=source)
    commands.run(["go", "install", WIRE], seconds=600, env=env, cwd=work)
    commands.run([work / "bin" / "wire", "gen", "-tags", "oss", "./pkg/server"], seconds=1800, env=env, cwd=source)


def _copy_home(source: Path, target: Path) -> None:
    """Copy what the server reads at run time."""
    for name in ("conf", "public"):
        shutil.copytree(source / name, target / name, ignore=_unused)
    for name in ("LICENSE", "NOTICE.md"):
        shutil.copyfile(source / name, target / name)


def _unused(folder: str, names: list[str]) -> set[str]:
    top = _UNUSED_TREES if Path(folder).name == "public" else set()
    return {name for name in names if name.endswith(_UNUSED_SUFFIXES) or name in _UNUSED_FOLDERS or name in top}
