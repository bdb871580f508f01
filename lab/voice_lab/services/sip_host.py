"""Two SIP hosts: the SIP application in a namespace each, with the settings and the command that a real host has.

The first can be both parties of any call; the second only takes the calls of one client.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from voice_lab import commands, files, places, processes, progress, sbc
from voice_lab.context import Lab
from voice_lab.services import database, network, sip_edge

REQUIRES = ("schema", "path", "sip_edge")
PACKAGES = ("unixodbc", "odbc-mariadb", "espeak-ng", "libopus0")
NAME, SECOND = "sip-host", "sip-host-2"


def install() -> None:
    """Make the speech samples once."""
    if not (folder := audio()).exists():
        with progress.step(NAME, "making the speech samples"), files.filling(folder) as partial:
            commands.run([sys.executable, "-m", "voice_sipapp", "make-audio", partial], seconds=120)


def start(lab: Lab) -> None:
    """Start the SIP application on both hosts."""
    files.write_private(credentials(lab), _credentials(lab))
    if not call_key(lab).exists():
        files.write_private(call_key(lab), secrets.token_hex(32))
    for name, namespace, settings in (
        (NAME, network.sip_namespace(lab), environment(lab)),
        (SECOND, network.second_namespace(lab), _second_environment(lab)),
    ):
        folder(lab, name).mkdir(parents=True, exist_ok=True)
        command = network.inside(namespace, sys.executable, "-m", "voice_sipapp", "run")
        processes.start(lab.folder, name, command, env=settings)


def healthy(lab: Lab) -> bool:
    """Tell whether the heartbeats of both have reached the database."""
    for name in (NAME, SECOND):
        processes.check(lab.folder, name)
    with database.connect(lab, "admin") as connection, connection.cursor() as cursor:
        query = "SELECT COUNT(*) FROM voice_sip_host WHERE sip_host IN (%s, %s)"
        cursor.execute(query, (host_name(lab), host_name(lab, 2)))
        return cursor.fetchone() == (2,)


def stop(lab: Lab) -> None:
    """End the SIP application on both hosts."""
    for name in (SECOND, NAME):
        processes.stop(lab.folder, name)


def host_name(lab: Lab, number: int = 1) -> str:
    """Return the name under which a SIP host reports."""
    return f"{lab.instance}-sip-{number}"


def folder(lab: Lab, name: str) -> Path:
    """Return where a SIP host keeps its records and recordings."""
    return lab.folder / name


def credentials(lab: Lab) -> Path:
    """Return the file with the passwords that the first SIP host knows."""
    return lab.folder / NAME / "credentials.toml"


def call_key(lab: Lab) -> Path:
    """Return the file with the key that both SIP hosts share."""
    return lab.folder / "call.key"


def audio() -> Path:
    """Return the folder of the speech samples."""
    return places.cache() / "audio"


def spool(lab: Lab) -> Path:
    """Return the file where the first host's CDRs wait for the database."""
    return folder(lab, NAME) / "spool.sqlite"


def environment(lab: Lab) -> dict[str, str]:
    """Return the whole environment of the SIP application on the first host, which can do everything."""
    return _environment(lab, NAME, network.PLAN.receiver) | {
        "VOICE_SIP_HOST": host_name(lab),
        "VOICE_SIP_EDGE": sip_edge.address(),
        "VOICE_CREDENTIALS": str(credentials(lab)),
        "VOICE_RECORDINGS": str(folder(lab, NAME) / "recordings"),
    }


def _second_environment(lab: Lab) -> dict[str, str]:
    """Return that of the second host, which only takes calls, and those of one client."""
    return _environment(lab, SECOND, network.PLAN.second_receiver) | {
        "VOICE_SIP_HOST": host_name(lab, 2),
        "VOICE_SIP_PARTIES": "receiver",
        "VOICE_SIP_CLIENTS": "globex",
    }


def _environment(lab: Lab, name: str, address: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(lab.folder),
        "PYTHONDONTWRITEBYTECODE": "1",  # under sudo, the checkout belongs to somebody else
        **database.environment(lab, "sip", host=lab.database_address),
        "VOICE_SIP_ADDRESS": address,
        "VOICE_SIP_RECEIVER_PORT": str(network.PLAN.receiver_port),
        "VOICE_CALL_KEY": str(call_key(lab)),
        "VOICE_SPOOL": str(folder(lab, name) / "spool.sqlite"),
        "VOICE_AUDIO": str(audio()),
    }


def _credentials(lab: Lab) -> str:
    """The secure trunk's and its agents' passwords, under the names that the examples call them by: for one client, its
    SBC and nobody else.
    """
    known = {"acme-trunk": (sbc.TRUNK_USER, "trunk"), "acme-agents": (sbc.AGENT_USER, "agents")}
    where = f'clients = ["acme"]\nrealms = ["{sbc.REALM}"]\nhosts = ["{network.PLAN.address}"]\n'
    return "".join(
        f'[{name}]\nusername = "{user}"\npassword = "{lab.passwords[password]}"\n{where}'
        for name, (user, password) in known.items()
    )
