"""Oracle's MySQL server, from Ubuntu's archive: the one that Aurora MySQL 3 is made of (MySQL 8.0).

Debian has none. Ubuntu's packages are unpacked into a folder, with the C library and all else that they need, and run
from there: nothing is installed, no script of a package runs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from voice_lab import commands, fetch, files, places, progress
from voice_lab.errors import LabError
from voice_lab.tools import go

ARCHIVE = "http://archive.ubuntu.com/ubuntu"
SUITE = "noble"
PACKAGE = "mysql-server-core-8.0"
# Who may sign what apt takes: the keys of Ubuntu's archive, as Ubuntu publishes them.
KEYRING = f"{ARCHIVE}/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"
KEYRING_SHA256 = "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8"

# What Aurora MySQL 3 gives its master user (Amazon's user guide, "Master user account privileges").
MASTER_USER = (
    "ALTER, APPLICATION_PASSWORD_ADMIN, ALTER ROUTINE, CONNECTION_ADMIN, CREATE, CREATE ROLE, CREATE ROUTINE,"
    " CREATE TEMPORARY TABLES, CREATE USER, CREATE VIEW, DELETE, DROP, DROP ROLE, EVENT, EXECUTE, INDEX, INSERT,"
    " LOCK TABLES, PROCESS, REFERENCES, RELOAD, REPLICATION CLIENT, REPLICATION SLAVE, ROLE_ADMIN, SET_USER_ID, SELECT,"
    " SHOW DATABASES, SHOW_ROUTINE, SHOW VIEW, TRIGGER, UPDATE, XA_RECOVER_ADMIN"
)


def install() -> None:
    """Fetch the server, once.

    Raises:
        LabError: this is no amd64 Debian or Ubuntu, or the archive cannot be reached.
    """
    if not _home().exists():
        with progress.step("mysql", f"fetching {PACKAGE} of Ubuntu {SUITE}"):
            _fetch()
    progress.say(f"mysql: {commands.run([*_program(), '--version']).strip().rpartition('Ver ')[2]}")


def command(data: Path) -> list[str]:
    """What starts the server on the folder `data`, but for options that MariaDB has too.

    Collations are the server's own: whoever needs others must say so.
    """
    return [
        *_program(), *_where(data), "--mysqlx=OFF",
        # For the memory of each connection alone; the rest of it is left out, as it takes memory and time itself.
        "--performance-schema=ON", "--performance-schema-instrument=%=OFF",
        "--performance-schema-instrument=memory/%=COUNTED", "--performance-schema-digests-size=0",
        "--performance-schema-max-digest-length=0", "--performance-schema-events-statements-history-long-size=0",
        "--performance-schema-events-stages-history-long-size=0",
        "--performance-schema-events-waits-history-long-size=0",
        "--sql-mode=ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION",  # not strict: Aurora's parameter group may be so too
    ]  # fmt: skip


def initialise(data: Path, temporary: Path) -> None:
    """Make `data` a new server's folder, with `temporary` for what is there only meanwhile."""
    commands.run([*_program(), *_where(data), f"--tmpdir={temporary}", "--initialize-insecure"], seconds=120)


def first_sql(password: str) -> str:
    """What the server runs when it starts: makes `admin`, with the rights of Aurora's master user, the only account."""
    return (
        f"CREATE USER IF NOT EXISTS admin@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"GRANT {MASTER_USER} ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;\n"
        "DROP USER IF EXISTS root@localhost;\n"
    )


def _home() -> Path:
    return places.cache() / "tools" / f"{PACKAGE}-{SUITE}"


def _program() -> list[str]:
    libraries = _home() / "usr" / "lib" / "x86_64-linux-gnu"
    loader = libraries / "ld-linux-x86-64.so.2"
    return [str(loader), "--library-path", str(libraries), str(_home() / "usr" / "sbin" / "mysqld")]


def _where(data: Path) -> list[str]:
    return [
        "--no-defaults", "--user=root", f"--datadir={data}", f"--basedir={_home() / 'usr'}",
        f"--lc-messages-dir={_home() / 'usr' / 'share' / 'mysql'}", "--secure-file-priv=NULL",
    ]  # fmt: skip


def _fetch() -> None:
    if go.architecture() != "amd64":
        raise LabError(f"MySQL's server is fetched from {ARCHIVE}, which serves amd64 only")
    with tempfile.TemporaryDirectory(dir=places.cache()) as folder, files.filling(_home()) as target:
        work = Path(folder)
        fetch.file(KEYRING, work / "keyring.deb", sha256=KEYRING_SHA256)
        _unpack(work / "keyring.deb", work / "keyring")
        for package in _download(work):
            _unpack(package, target)


def _download(work: Path) -> list[Path]:
    """Let apt, which thinks that nothing at all is installed, download the server and all that it needs."""
    keys = work / "keyring" / "usr" / "share" / "keyrings" / "ubuntu-archive-keyring.gpg"
    suites = (SUITE, f"{SUITE}-updates")
    lines = [f"deb [arch=amd64 signed-by={keys}] {ARCHIVE} {suite} main\n" for suite in suites]
    (work / "sources.list").write_text("".join(lines))
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    apt = [
        "apt-get", "-q", "-o", f"Dir::Etc::SourceList={work / 'sources.list'}", "-o", "Dir::Etc::SourceParts=-",
        "-o", f"Dir::State={work}", "-o", f"Dir::State::status={work / 'status'}", "-o", f"Dir::Cache={work}",
        "-o", "APT::Sandbox::User=", "-o", "APT::Architecture=amd64",
    ]  # fmt: skip
    commands.run([*apt, "update"], seconds=600)
    commands.run([*apt, "install", "-y", "--no-install-recommends", "--download-only", PACKAGE], seconds=1800)
    return sorted((work / "archives").glob("*.deb"))


def _unpack(package: Path, target: Path) -> None:
    commands.run(["dpkg-deb", "--extract", package, target])
