"""The SIP host: the SIP application in its own namespace, with the settings that a real host gives it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from voice_lab import commands, files, places, processes, progress
from voice_lab.context import Lab
from voice_lab.services import database, network

REQUIRES = ("schema", "path")
PACKAGES = ("unixodbc", "odbc-mariadb", "espeak-ng", "libopus0")
NAME = "sip-host"


def install() -> None:
    """Make the speech samples once."""
    if not (folder := audio()).exists():
        with progress.step(NAME, "making the speech samples"), files.filling(folder) as partial:
            commands.run([sys.executable, "-m", "voice_sipapp", "make-audio", partial], seconds=120)


def start(lab: Lab) -> None:
    """Start the SIP application."""
    spool(lab).parent.mkdir(parents=True, exist_ok=True)
    command = network.inside(network.sip_namespace(lab), sys.executable, "-m", "voice_sipapp")
    processes.start(lab.folder, NAME, command, env=environment(lab))


def healthy(lab: Lab) -> bool:
    """Tell whether its heartbeat has reached the database."""
    processes.check(lab.folder, NAME)
    with database.connect(lab, "admin") as connection, connection.cursor() as cursor:
        return bool(cursor.execute("SELECT 1 FROM voice_sip_host WHERE sip_host = %s", (host_name(lab),)))


def stop(lab: Lab) -> None:
    """End the SIP application."""
    processes.stop(lab.folder, NAME)


def host_name(lab: Lab) -> str:
    """Return the name under which this SIP host reports."""
    return f"{lab.instance}-sip-1"


def audio() -> Path:
    """Return the folder of the speech samples."""
    return places.cache() / "audio"


def spool(lab: Lab) -> Path:
    """Return the file where CDRs wait for the database."""
    return lab.folder / "sip-host" / "spool.sqlite"


def environment(lab: Lab) -> dict[str, str]:
    """Return the whole environment of the SIP application."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(lab.folder),
        "PYTHONDONTWRITEBYTECODE": "1",  # under sudo, the checkout belongs to somebody else
        **database.environment(lab, "sip", host=lab.database_address),
        "VOICE_SIP_HOST": host_name(lab),
        "VOICE_SIP_ADDRESS": str(network.PLAN.receiver),
        "VOICE_SIP_RECEIVER_PORT": str(network.PLAN.receiver_port),
        "VOICE_SPOOL": str(spool(lab)),
        "VOICE_AUDIO": str(audio()),
    }
