"""Keycloak: the published release, built once for the lab's options, and databases with realms, made once too."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from voice_lab import commands, files, guard, places, progress
from voice_lab.errors import LabError

PACKAGES = ("default-jre-headless", "maven")
RELEASE = "26.5.6"
CHOICE = "VOICE_LAB_KEYCLOAK"
LEAST_JAVA = 17
_PACKAGED_JAVA = Path("/usr/lib/jvm")

_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{RELEASE}:tar.gz"
_SHA256 = "fa3dd5df90b9ac006712c2f0991be4e8a6cb30ac538e0439ce2f45fc40f4c692"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_BUILD = ("build", "--db=dev-file", "--features-disabled=impersonation,kerberos,ciba,device-flow")
_SMALL = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""A process of a lab is to start quickly, not to be fast for long."""
_JVM = (
    *_SMALL, "-Xms64m", "-Xmx320m", "-XX:MaxMetaspaceSize=256m", "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8", "-Duser.language=en", "-Duser.country=US",
    # What kc.sh, which would stand between the lab and its process, tells the JVM.
    "--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED", "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
    "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
)  # fmt: skip
_DATABASE = "data/h2/keycloakdb"
_CLASSES = "classes.jsa"
_FILLED = (
    ("client", "client_id"), ("client", "secret"), ("redirect_uris", "value"), ("client_attributes", "value"),
    ("component_config", "value"), ("credential", "secret_data"),
)  # fmt: skip
"""Columns of Keycloak's tables in which a lab's own addresses and secrets are."""

Realm = Mapping[str, Any]


def install() -> Path:
    """Have Keycloak in the cache, ready to be copied; return its folder.

    Raises:
        LabError: there is no Java that is new enough, or Keycloak cannot be had.
    """
    java()
    target = _home()
    with guard.one_after_another("making of Keycloak"):
        if not target.exists():
            _make(target)
    return target


def java() -> str:
    """Return the path of a `java` that is new enough: of $JAVA_HOME, on PATH, or where packages put it.

    Raises:
        LabError: there is none.
    """
    named = [Path(os.environ["JAVA_HOME"], "bin", "java")] if os.environ.get("JAVA_HOME") else []
    on_path = [Path(found)] if (found := shutil.which("java")) else []
    older = []
    for path in (*named, *on_path, *sorted(_PACKAGED_JAVA.glob("*/bin/java"))):
        if path.is_file():
            if (version := _java_version(path)) >= LEAST_JAVA:
                return str(path)
            older.append(f"{path} is {version or 'of an unknown version'}")
    raise LabError(
        f"Keycloak needs Java {LEAST_JAVA} or newer ({', '.join(older) or 'none is here'}): "
        f"install openjdk-{LEAST_JAVA}-jre-headless or newer, or set JAVA_HOME"
    )


def template(realms: Sequence[Realm]) -> Path:
    """Return a database with these realms, made once.

    Raises:
        LabError: Keycloak cannot be had, or refuses them.
    """
    shipped = install()
    texts = {f"{realm['realm']}-realm.json": json.dumps(realm) for realm in realms}
    digest = hashlib.sha256(repr(texts).encode()).hexdigest()[:12]
    target = shipped / f"realms-{digest}.mv.db"
    with guard.one_after_another("making of realms"):
        if not target.exists():
            with (
                progress.step("identity", f"making {len(texts)} realms in a database of Keycloak's (once)"),
                tempfile.TemporaryDirectory(dir=places.cache()) as name,
            ):
                folder = Path(name)
                _link(shipped, folder)
                for file, text in texts.items():
                    files.write_private(folder / "realms" / file, text)
                commands.run(_import(folder, shipped / _CLASSES), env=environment(folder), seconds=600)
                _database_file(folder).chmod(0o600)  # the realms' keys are in it
                _database_file(folder).replace(target)
    return target


def prepare(folder: Path, realms: Sequence[Realm], fillings: Mapping[str, str]) -> None:
    """Make `folder` the home of a Keycloak of its own, with these realms.

    Args:
        fillings: texts in the realms, each with what takes its place.
    """
    _link(install(), folder)
    _database_file(folder).parent.mkdir(parents=True)
    shutil.copyfile(template(realms), _database_file(folder))
    script = folder / "fillings.sql"
    files.write_private(script, _sql(fillings))
    (h2,) = (folder / "lib" / "lib" / "main").glob("com.h2database.h2-*.jar")
    run = [java(), *_SMALL, "-cp", str(h2), "org.h2.tools.RunScript", "-url", _database(folder), "-script", str(script)]
    commands.run(run, env=environment(folder))
    script.unlink()


def command(folder: Path, *arguments: str) -> list[str]:
    """Return what runs Keycloak, as one process, with `folder` as its home."""
    return [*_program(folder), *arguments, "--optimized", f"--db-url={_database(folder)}"]


def environment(folder: Path) -> dict[str, str]:
    """Its whole environment: no KC_* or JAVA_* setting of the caller's leaks in."""
    return {"PATH": os.defpath, "HOME": str(folder), "TZ": "UTC"}


def _import(folder: Path, classes: Path) -> list[str]:
    """Return what makes the realms of a folder, and by the way an archive of Keycloak's classes, if there is none."""
    java, *others = command(folder, "import", f"--dir={folder / 'realms'}")
    return [java, *([] if classes.exists() else [f"-XX:ArchiveClassesAtExit={classes}"]), *others]


def _link(shipped: Path, folder: Path) -> None:
    for name in ("lib", "conf", "providers", "themes"):
        (folder / name).symlink_to(shipped / name)


def _database(folder: Path) -> str:
    # Left to itself, H2 would listen at an address of the machine's for others that want the same file.
    return f"jdbc:h2:file:{folder / _DATABASE};NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE"


def _database_file(folder: Path) -> Path:
    return (folder / _DATABASE).with_suffix(".mv.db")


def _sql(fillings: Mapping[str, str]) -> str:
    """Put each text's filling in its place, wherever a realm may have it."""
    quoted = [(_quote(blank), _quote(filling)) for blank, filling in fillings.items()]
    return "".join(
        f"UPDATE {table} SET {column} = REPLACE({column}, {blank}, {filling}) "  # noqa: S608 - quoted, and our own
        f"WHERE LOCATE({blank}, {column}) > 0;\n"
        for table, column in _FILLED
        for blank, filling in quoted
    )


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _program(folder: Path) -> list[str]:
    main = "io.quarkus.bootstrap.runner.QuarkusEntryPoint"
    library = (folder / "lib").resolve()
    classes = library.parent / _CLASSES
    # Classes that another run has read and checked already: a third less to do at each start. An archive that another
    # Java made is left aside.
    archive = [f"-XX:SharedArchiveFile={classes}"] if classes.exists() else []
    home = f"-Dkc.home.dir={folder}"
    return [java(), *_JVM, *archive, home, "-cp", str(library / "quarkus-run.jar"), main]


def _home() -> Path:
    chosen = os.environ.get(CHOICE, "")
    version = Path(chosen, "version.txt")
    told = version.read_text() if chosen and version.is_file() else RELEASE
    made_of = hashlib.sha256(repr((_BUILD, _DATABASE, chosen, told)).encode()).hexdigest()[:8]
    return places.cache() / "tools" / f"keycloak-{'own' if chosen else RELEASE}-{made_of}"


def _make(target: Path) -> None:
    with files.filling(target) as partial:
        if chosen := os.environ.get(CHOICE):
            _take(Path(chosen), partial)
        else:
            with progress.step("identity", f"fetching Keycloak {RELEASE}"):
                _fetch(partial)
        with progress.step("identity", "building Keycloak for the lab's options (once)"):
            commands.run([*_program(partial), *_BUILD], env=environment(partial), seconds=600)


def _take(chosen: Path, target: Path) -> None:
    """Copy the user's own, which stays as it is.

    Raises:
        LabError: it is none.
    """
    if not (chosen / "lib" / "quarkus-run.jar").is_file():
        raise LabError(
            f"{CHOICE} is {chosen}, but there is no lib/quarkus-run.jar in it: "
            "name the folder that a release of Keycloak was unpacked to, or unset it"
        )
    shutil.copytree(chosen, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data"))


def _fetch(target: Path) -> None:
    """Fetch the release as Maven does, so from wherever this machine has its packages from.

    Raises:
        LabError: it cannot be had, or is not what was published.
    """
    with tempfile.TemporaryDirectory(dir=places.cache()) as folder:
        where = [f"-Dmaven.repo.local={folder}/repository", f"-DoutputDirectory={folder}"]
        try:
            commands.run(["mvn", "-q", "-B", *where, _COPY, f"-Dartifact={_ARTIFACT}"], seconds=1800)
        except LabError as error:
            raise LabError(
                f"Keycloak cannot be fetched: {error}\n"
                f"Mend it (no network? no Maven?), or unpack Keycloak {RELEASE} yourself and name its folder: "
                f"{CHOICE}=FOLDER"
            ) from error
        (archive,) = Path(folder).glob("*.tar.gz")
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != _SHA256:
            raise LabError(f"{_ARTIFACT} has the checksum {digest}, not the published {_SHA256}: try again")
        options = ["--extract", "--no-same-owner", "--strip-components=1", f"--file={archive}"]
        commands.run(["tar", *options, f"--directory={target}"], seconds=300)


@functools.cache
def _java_version(path: Path) -> int:
    """The major version; 0 if it does not tell."""
    try:
        told = commands.run([path, "--version"], seconds=30)
    except LabError:
        return 0
    found = re.match(r"\S+ (\d+)", told)
    return int(found[1]) if found else 0
