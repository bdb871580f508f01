"""`python -m voice_sipapp check`: is everything there that calls need? One line for each thing."""

import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import uuid4

import pyodbc

from voice_sipapp.exporter import Exporter
from voice_sipapp.media import codecs
from voice_sipapp.media.audio import AudioError, AudioStore
from voice_sipapp.media.ports import Ports
from voice_sipapp.plan import plandb
from voice_sipapp.plan import reader as plan
from voice_sipapp.records import callkey, odbc, recordingstore
from voice_sipapp.records.spool import Spool
from voice_sipapp.settings import Settings
from voice_sipapp.signalling import credentials
from voice_sipapp.signalling.credentials import CredentialsError

EDGE_ANSWERS_S = 2.0
"""How long the edge, which is on this host, may take for its answer."""

_PROBLEMS = (OSError, AudioError, CredentialsError, pyodbc.Error, sqlite3.Error)


def run(settings: Settings) -> Iterator[tuple[bool, str]]:
    """Try everything; yields (whether it works, one line about it)."""
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("database", _database),
        ("audio", _audio),
        ("codecs", _codecs),
        ("SIP ports", _sip_ports),
        ("media ports", _media_ports),
        ("edge", _edge),
        ("credentials", _credentials),
        ("call key", _call_key),
        ("spool", _spool),
        ("recordings", _recordings),
        ("limits", _limits),
        ("metrics", _metrics),
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


def _codecs(settings: Settings) -> str:
    """Which codecs calls can use; a probe that wants no other than a missing one can't be called."""
    if missing := codecs.missing():
        raise OSError("; ".join(f"{name} is not offered: {reason}" for name, reason in missing.items()))
    return ", ".join(codecs.CODECS)


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


def _edge(settings: Settings) -> str:
    """Ask the proxy that speaks TCP and TLS for this host whether it is there (OPTIONS, RFC 3261 section 11)."""
    if settings.edge is None:
        return "none (VOICE_SIP_EDGE is not set): SIP over UDP only"
    host, port = settings.edge
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(EDGE_ANSWERS_S)
        asking.connect((host.strip("[]"), port))
        own, own_port = asking.getsockname()[:2]
        via = f"[{own}]:{own_port}" if ":" in own else f"{own}:{own_port}"
        tag = uuid4().hex
        request = (
            f"OPTIONS sip:{host}:{port} SIP/2.0", f"Via: SIP/2.0/UDP {via};branch=z9hG4bK{tag};rport",
            f"From: <sip:check@{via}>;tag={tag[:8]}", f"To: <sip:{host}:{port}>", f"Call-ID: {tag}", "CSeq: 1 OPTIONS",
            "Max-Forwards: 1", "Content-Length: 0", "", "",
        )  # fmt: skip
        try:
            asking.send("\r\n".join(request).encode())
            answer = asking.recv(65535).split(b"\r\n")[0].decode(errors="replace")
        except TimeoutError:
            raise OSError(f"{host}:{port} does not answer") from None
        except OSError as error:
            raise OSError(f"{host}:{port}: {error.strerror}") from error
    return f"{host}:{port} answers {answer}"


def _credentials(settings: Settings) -> str:
    return credentials.load(settings.credentials or "").check()


def _call_key(settings: Settings) -> str:
    callkey.load(settings.call_key)
    return f"that of {settings.call_key}" if settings.call_key else callkey.NONE


def _spool(settings: Settings) -> str:
    with closing(Spool(settings.spool)) as spool:
        free = shutil.disk_usage(settings.spool.parent).free // 1_000_000
        return f"{spool.depth()} records wait, {spool.dead()} were put aside; {free} MB are free"


def _recordings(settings: Settings) -> str:
    folder = settings.recordings
    if folder is None:
        return "none are kept (VOICE_RECORDINGS is not set)"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    free = shutil.disk_usage(folder).free // 1_000_000
    most = f"at most {settings.recordings_max_mb} MB for {settings.recordings_max_days} days"
    return f"kept in {folder}, {most}; {free} MB are free; {_uploads(settings)}"


def _uploads(settings: Settings) -> str:
    """What becomes of recordings beyond this host. That an older schema takes none is no fault: calls need none."""
    if not settings.recordings_upload:
        return "none go to the database (VOICE_RECORDINGS_UPLOAD is off), so the portal plays none"
    try:
        with closing(odbc.connect(settings.database)) as connection:
            if not recordingstore.takes_recordings(connection):
                return "the database has no table for them yet, so the portal plays none: migrate its schema"
            largest = recordingstore.most_octets(connection)
    except pyodbc.Error:
        return "whether the database takes them can't be asked"
    return (
        f"those of {settings.recordings_per_hour} calls an hour of each probe go to the database,"
        f" up to {largest / 1e6:.1f} MB of each"
    )


def _limits(settings: Settings) -> str:
    whose = f"clients {', '.join(settings.clients)}" if settings.clients else "all clients"
    return (
        f"{settings.max_calls} calls at once, {settings.calls_per_second:g} a second; "
        f"{' and '.join(settings.parties)} for {whose}"
    )


def _metrics(settings: Settings) -> str:
    if settings.metrics is None:
        return "none (VOICE_METRICS_ADDRESS is not set)"
    address, port = settings.metrics
    Exporter(address, port, bytes).stop()
    return f"TCP port {port} of {address} is free"
