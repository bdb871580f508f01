"""`python -m voice_lab.grafana_stand_in`: the stand-in as a program.

It is told by its environment what Grafana is told (`GF_…`), so that the lab starts the one as it starts the other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from voice_lab.errors import LabError
from voice_lab.grafana_stand_in import serving
from voice_lab.grafana_stand_in.access import Config
from voice_lab.grafana_stand_in.alerting.delivery import Smtp
from voice_lab.grafana_stand_in.durations import seconds
from voice_lab.grafana_stand_in.server import Server
from voice_lab.grafana_stand_in.state import State

STATE = "stand-in.db"


def main() -> None:
    """Serve until SIGTERM; a LabError becomes one clear message and exit code 1."""
    logging.basicConfig(level=os.environ.get("GF_LOG_LEVEL", "warn").upper(), stream=sys.stderr)
    try:
        asyncio.run(_serve())
    except LabError as error:
        sys.exit(f"Grafana's stand-in: {error}")


async def _serve() -> None:
    state = State(Path(_told("GF_PATHS_DATA")) / STATE)
    server = Server(state, _config())
    host, port = _told("GF_SERVER_HTTP_ADDR"), int(_told("GF_SERVER_HTTP_PORT"))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        async with serving.running(server, host, port, _smtp()):
            await ended.wait()
    finally:
        state.close()


def _told(name: str) -> str:
    if not (value := os.environ.get(name, "")):
        raise LabError(f"{name} is not set")
    return value


def _smtp() -> Smtp:
    host, _, port = _told("GF_SMTP_HOST").rpartition(":")
    return Smtp(host, int(port), _told("GF_SMTP_FROM_ADDRESS"))


def _config() -> Config:
    keys = Path(_told("GF_AUTH_JWT_JWK_SET_FILE"))
    return Config(
        root_url=_told("GF_SERVER_ROOT_URL").rstrip("/"),
        password=_told("GF_SECURITY_ADMIN_PASSWORD"),
        keys=json.loads(keys.read_text()),
        poll_s=seconds(_told("GF_UNIFIED_ALERTING_ALERTMANAGER_CONFIG_POLL_INTERVAL")),
        signed_out_url=_told("GF_AUTH_SIGNOUT_REDIRECT_URL"),
    )


if __name__ == "__main__":
    main()
