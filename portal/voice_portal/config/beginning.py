"""Waits, before gunicorn starts a worker, until the files of the settings hold what they must."""

import logging
import os
import time
from pathlib import Path

from voice_portal.config import readyz
from voice_portal.config.env import Env, InvalidEnvironment

LOOK_SECONDS = 2


def await_contents(folder: Path, log: logging.Logger) -> None:
    """Return once the settings can be used; raises SystemExit with the reason if no file can mend them.

    `folder` is where readiness is written down for /readyz; `log` hears each reason once.
    """
    told: list[str] = []
    while faults := _faults():
        for fault in faults:
            if fault not in told:
                log.warning("not ready: %s", fault)
        told = faults
        readyz.write(folder, faults, "")
        time.sleep(LOOK_SECONDS)
    if told:
        log.info("the settings can be used now")
        readyz.forget(folder)


def _faults() -> list[str]:
    try:
        Env.read(os.environ)
    except InvalidEnvironment as error:
        if not error.may_pass:
            raise SystemExit(str(error)) from error
        return error.faults
    return []
