"""Whose certificate of Grafana is believed, and from when on another authority is."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from voiceprobe_operator.grafana.connections import Pool, Unanswered
from voiceprobe_operator.grafana.trust import Trust

SETTING = "VOICE_GRAFANA_TLS_CA"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """One that signs itself, for `localhost`, and its key."""
    found, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(found)]
    subprocess.run(words, check=True, capture_output=True)
    return found, key


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    writer.close()


async def test_an_authority_that_was_exchanged_is_believed_at_the_next_connection(tmp_path: Path):
    found, key = certificate(tmp_path, "server")
    other, _ = certificate(tmp_path, "other")
    trusted = tmp_path / "ca.pem"
    trusted.write_text(other.read_text())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(found, key)
    pool = Pool(1, Trust(trusted, SETTING))
    async with await asyncio.start_server(answered, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unanswered, match=f"its certificate is not trusted: {SETTING} must hold the authority"):
            await pool.ask("GET", f"https://localhost:{port}/", {}, None)
        trusted.write_text(found.read_text())
        assert (await pool.ask("GET", f"https://localhost:{port}/", {}, None)).status == 200
        with pytest.raises(Unanswered, match=r"name a host that is in it \(127.0.0.1: "):
            await pool.ask("GET", f"https://127.0.0.1:{port}/", {}, None)
        trusted.write_text("garbage")
        with pytest.raises(Unanswered, match=rf"{SETTING} names .*, which holds no certificate now"):
            await pool.ask("GET", f"https://localhost:{port}/", {}, None)
    await pool.aclose()


def test_a_context_is_made_once_for_each_authority(tmp_path: Path):
    path, _ = certificate(tmp_path, "one")
    trust = Trust(path, SETTING)
    assert trust.context() is trust.context()
    assert Trust(None, SETTING).context() is True
