"""`python -m voice_sipapp check`: is everything there that calls need? One line for each thing."""

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pyodbc

from voice_sipapp import odbc, plan, plandb
from voice_sipapp.audio import AudioError, AudioStore
from voice_sipapp.ports import Ports
from voice_sipapp.settings import Settings
from voice_sipapp.spool import Spool

_PROBLEMS = (OSError, AudioError, pyodbc.Error, sqlite3.Error)


def run(settings: Settings) -> Iterator[tuple[bool, str]]:
    """Try everything; yields (whether it works, one line about it)."""
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("database", _database),
        ("audio", _audio),
        ("SIP ports", _sip_ports),
        ("media ports", _media_ports),
        ("spool", _spool),
    )
    for name, check in checks:
        try:
            yield True, f"{name}: {check(settings)}"
        except _PROBLEMS as error:
            yield False, f"{name}: {odbc.error_text(error) if isinstance(error, pyodbc.Error) else error}"


def _database(settings: Settings) -> str:
    with closing(odbc.connect(settings.database)) as connection:
        probes, problems = plan.parse(plandb.read_plan(connection))
        offset = plandb.clock_offset_ms(connection)
    wrong = "".join(f"; can't be called: {problem}" for problem in problems)
    return f"connected, this host's clock is {offset:+.0f} ms off its own, {len(probes)} probes in the plan{wrong}"


def _audio(settings: Settings) -> str:
    store = AudioStore(settings.audio)
    names = store.names()
    for name in names:
        store.get(name)
    if not names:
        raise AudioError(f"no WAV file in {settings.audio}; `python -m voice_sipapp make-audio DIR` makes some")
    return ", ".join(names)


def _sip_ports(settings: Settings) -> str:
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    for port in (settings.dialer_port, settings.receiver_port):
        with socket.socket(family, socket.SOCK_DGRAM) as endpoint:
            try:
                endpoint.bind((settings.address, port))
            except OSError as error:
                raise OSError(f"UDP {settings.address} port {port}: {error.strerror}") from error
    return f"UDP {settings.dialer_port} and {settings.receiver_port} of {settings.address} are free"


def _media_ports(settings: Settings) -> str:
    *endpoints, port = Ports(settings.address, *settings.rtp_ports).open()
    for endpoint in endpoints:
        if isinstance(endpoint, socket.socket):
            endpoint.close()
    return f"UDP {port} and {int(str(port)) + 1} can be used"


def _spool(settings: Settings) -> str:
    with closing(Spool(settings.spool)) as spool:
        return f"{spool.depth()} records wait, {spool.dead()} were put aside"
