"""The machine's MariaDB server (package mariadb-server)."""

from __future__ import annotations

from pathlib import Path

from voice_lab import commands


def install() -> None:
    """Nothing beyond the package."""


def command(data: Path) -> list[str]:
    """What starts the server on the folder `data`, but for options that MySQL has too."""
    return [
        "mariadbd",
        "--no-defaults",  # nothing of the machine's own MariaDB is read
        "--user=root",
        f"--datadir={data}",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_bin",
        "--sql-mode=NO_ENGINE_SUBSTITUTION",  # not strict: Aurora's parameter group may well leave that out
        "--max-session-mem-used=256M",
    ]


def initialise(data: Path, temporary: Path) -> None:
    """Make `data` a new server's folder, with `temporary` for what is there only meanwhile."""
    commands.run(
        [
            "mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", f"--tmpdir={temporary}",
            "--skip-test-db", "--auth-root-authentication-method=normal",
        ],
        seconds=120,
    )  # fmt: skip


def first_sql(password: str) -> str:
    """What the server runs when it starts: makes `admin` the only account."""
    return (
        f"CREATE OR REPLACE USER admin@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;\n"
        "DELETE FROM mysql.global_priv WHERE User IN ('root', '');\n"
        "FLUSH PRIVILEGES;\n"
    )
