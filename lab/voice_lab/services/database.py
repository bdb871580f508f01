"""MariaDB, or MySQL where that is asked for, in the role of Aurora MySQL: a private server, with TLS, on the loopback
and the SIP host's link.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pymysql

from voice_lab import processes
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.tools import mariadb, mysql

REQUIRES = ("network",)
PACKAGES = ("mariadb-server",)
NAME = "database"
SCHEMA = "voice"
CHOICE = "VOICE_LAB_DATABASE"
SERVERS = {"mariadb": mariadb, "mysql": mysql}
ACCOUNTS = ("owner", "operator", "portal", "sip")


def install() -> None:
    """Fetch the server where it is no package of the machine's.

    Raises:
        LabError: it cannot be had, or nobody knows the one that was asked for.
    """
    _server().install()


def start(lab: Lab) -> None:
    """Make an empty data folder, with a password for the administrator, and start the server."""
    data = _folder(lab) / "data"
    if not data.exists():
        _initialise(lab, data)
    processes.start(lab.folder, NAME, [*_server().command(data), *_options(lab, data)], cwd=_folder(lab))


def healthy(lab: Lab) -> bool:
    """Tell whether an administrator can log in."""
    processes.check(lab.folder, NAME)
    try:
        connect(lab, "admin", database=None).close()
    except pymysql.MySQLError:
        return False
    return True


def stop(lab: Lab) -> None:
    """End the server."""
    processes.stop(lab.folder, NAME)


def connect(
    lab: Lab, account: str, *, database: str | None = SCHEMA, patience_s: int = 30
) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """Open a connection as one of the service accounts, or as `admin`; no answer may take longer than `patience_s`.

    Raises:
        pymysql.MySQLError: refused.
    """
    return pymysql.connect(
        host="127.0.0.1",
        port=lab.ports["mysql"],
        user=user(account),
        password=lab.passwords[f"mysql-{account}"],
        database=database,
        ssl_ca=str(authority(lab)),
        connect_timeout=5,
        read_timeout=patience_s,
        write_timeout=patience_s,
        autocommit=True,
    )


def environment(lab: Lab, account: str, *, host: str = "127.0.0.1") -> dict[str, str]:
    """Return the settings with which a part of the system logs in as `account`."""
    return {
        "VOICE_MYSQL_HOST": host,
        "VOICE_MYSQL_PORT": str(lab.ports["mysql"]),
        "VOICE_MYSQL_DATABASE": SCHEMA,
        "VOICE_MYSQL_USER": user(account),
        "VOICE_MYSQL_PASSWORD": lab.passwords[f"mysql-{account}"],
        "VOICE_MYSQL_TLS_CA": str(authority(lab)),
    }


def user(account: str) -> str:
    """Return the MySQL user name of a service account."""
    return account if account == "admin" else f"voice_{account}"


def authority(lab: Lab) -> Path:
    """Return the file of the certificate authority that signed the server's certificate."""
    return lab.folder / "pki" / "ca.pem"


def _folder(lab: Lab) -> Path:
    return lab.folder / "database"


def _server() -> ModuleType:
    """Return the module of the server that $VOICE_LAB_DATABASE names; without it, MariaDB's. Raises LabError."""
    name = os.environ.get(CHOICE) or "mariadb"
    if name not in SERVERS:
        raise LabError(f"{CHOICE} is {name}: it must be one of {', '.join(SERVERS)}")
    return SERVERS[name]


def _initialise(lab: Lab, data: Path) -> None:
    _temporary(data).mkdir(parents=True, exist_ok=True)
    first = data.parent / "first.sql"
    first.touch(mode=0o600)
    first.write_text(_server().first_sql(lab.passwords["mysql-admin"]))
    _server().initialise(data, _temporary(data))


def _temporary(data: Path) -> Path:
    """Return the folder for the server's temporary tables: in a shared one, each server that starts removes all."""
    return data.parent / "tmp"


def _options(lab: Lab, data: Path) -> list[str]:
    pki = lab.folder / "pki"
    return [
        f"--init-file={data.parent / 'first.sql'}",
        f"--socket={data.parent / 'mysql.sock'}",
        f"--tmpdir={_temporary(data)}",
        f"--pid-file={data.parent / 'database.pid'}",
        f"--bind-address=127.0.0.1,{lab.database_address}",
        f"--port={lab.ports['mysql']}",
        f"--ssl-ca={pki / 'ca.pem'}",
        f"--ssl-cert={pki / 'database.pem'}",
        f"--ssl-key={pki / 'database.key'}",
        "--innodb-buffer-pool-size=64M",
        "--skip-log-bin",
        "--skip-name-resolve",
        "--default-time-zone=+00:00",
        # What a viewer's SQL may take (docs/operator.md): each server has more, of its own.
        "--transaction-isolation=READ-COMMITTED",
        "--tmp-table-size=16M",
        "--max-heap-table-size=16M",
    ]
