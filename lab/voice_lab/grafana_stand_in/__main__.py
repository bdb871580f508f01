"""`python -m voice_lab.grafana_stand_in`: the stand-in as a program.

It is told by its environment what Grafana is told (`GF_…`), so that the lab starts the one as it starts the other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import sys
from pathlib import Path

from jwt import PyJWKSet, PyJWTError

from voice_lab.errors import LabError
from voice_lab.grafana_stand_in import serving
from voice_lab.grafana_stand_in.access import Config
from voice_lab.grafana_stand_in.alerting.delivery import Smtp
from voice_lab.grafana_stand_in.durations import seconds
from voice_lab.grafana_stand_in.http import natural
from voice_lab.grafana_stand_in.query.frames import ROW_LIMIT
from voice_lab.grafana_stand_in.server import Server
from voice_lab.grafana_stand_in.state import State

STATE = "stand-in.db"


def main() -> None:
    """Serve until SIGTERM; a LabError becomes one clear message and exit code 1."""
    try:
        logging.basicConfig(level=_log_level(), stream=sys.stderr)
        asyncio.run(_serve())
    except LabError as error:
        sys.exit(f"Grafana's stand-in: {error}")


async def _serve() -> None:
    config, smtp, (host, port) = _config(), _smtp(), _address()
    state = State(_data() / STATE)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        async with serving.running(Server(state, config), host, port, smtp):
            await ended.wait()
    finally:
        state.close()


def _told(name: str) -> str:
    if not (value := os.environ.get(name, "")):
        raise LabError(f"{name} is not set")
    return value


def _log_level() -> str:
    level = os.environ.get("GF_LOG_LEVEL", "warn").upper()
    if level not in logging.getLevelNamesMapping():
        raise LabError(f"GF_LOG_LEVEL is {level.lower()!a}: error, warn, info or debug, please")
    return level


def _port(name: str, text: str) -> int:
    port = natural(text)
    if port is None or not 0 < port < 2**16:
        raise LabError(f"{name} names the port {text!a}: a number from 1 to 65535, please")
    return port


def _address() -> tuple[str, int]:
    name = "GF_SERVER_HTTP_PORT"
    return _told("GF_SERVER_HTTP_ADDR"), _port(name, _told(name))


def _smtp() -> Smtp:
    host, _, port = _told("GF_SMTP_HOST").rpartition(":")
    return Smtp(host, _port("GF_SMTP_HOST", port), _told("GF_SMTP_FROM_ADDRESS"))


def _data() -> Path:
    folder = Path(_told("GF_PATHS_DATA"))
    if not folder.is_dir():
        raise LabError(f"GF_PATHS_DATA is {folder}, which is no folder: make it, or name another")
    return folder


def _keys() -> dict[str, object]:
    path = Path(_told("GF_AUTH_JWT_JWK_SET_FILE"))
    try:
        found = json.loads(path.read_bytes())
        PyJWKSet.from_dict(found)
    except (OSError, ValueError, PyJWTError, AttributeError, TypeError) as error:
        raise LabError(f"GF_AUTH_JWT_JWK_SET_FILE names {path}, which holds no set of keys ({error})") from error
    return dict(found)


def _root_url() -> str:
    url = _told("GF_SERVER_ROOT_URL").rstrip("/")
    if not re.fullmatch(r"https?://[^/\s]+/\S+", url):
        raise LabError(
            f"GF_SERVER_ROOT_URL is {url!a}: the address of a sub-path, please, such as http://host/grafana/"
        )
    return url


def _poll_s() -> float:
    name = "GF_UNIFIED_ALERTING_ALERTMANAGER_CONFIG_POLL_INTERVAL"
    if not (found := seconds(_told(name))):
        raise LabError(f"{name} is {_told(name)!a}: a duration, please, such as 5s")
    return found


def _row_limit() -> int:
    name = "GF_DATAPROXY_ROW_LIMIT"
    if not (found := natural(os.environ.get(name) or str(ROW_LIMIT))):
        raise LabError(f"{name} is {os.environ[name]!a}: a number of rows, please")
    return found


def _config() -> Config:
    return Config(
        root_url=_root_url(),
        password=_told("GF_SECURITY_ADMIN_PASSWORD"),
        row_limit=_row_limit(),
        keys=_keys(),
        poll_s=_poll_s(),
        signed_out_url=_told("GF_AUTH_SIGNOUT_REDIRECT_URL"),
    )


if __name__ == "__main__":
    main()
