"""The command line: `python -m voiceprobe_operator`."""

from __future__ import annotations

import logging
import os
import sys
import time

import kopf

from voiceprobe_operator import beginning, logs
from voiceprobe_operator.errors import explain
from voiceprobe_operator.handlers import Memo, registry
from voiceprobe_operator.service import start_anew
from voiceprobe_operator.settings import SettingsError, from_command_line

log = logging.getLogger(__name__)
# One that ends sooner is left to the kubelet and its back-off.
SHORTEST_SECONDS = 10


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped. Exit code 2: the settings lack something, which stderr names; 1: kopf ended at once."""
    try:
        settings = beginning.settled(lambda: from_command_line(arguments, os.environ))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except beginning.Ended:
        return 0
    logs.configure(settings.log_level)
    began = time.monotonic()
    try:
        kopf.run(
            registry=registry(),
            memo=Memo(settings),
            clusterwide=True,
            standalone=True,
        )
    except Exception as error:
        # It gives up where the API server answers 403 for a minute, or 404 as a CRD was deleted. We go on waiting.
        reason = getattr(error, "message", None) or explain(error)
        trace = None if logs.is_answer(error) else error
        log.log(
            logging.ERROR, "what watches the cluster's objects has ended and begins anew: %s", reason, exc_info=trace
        )
        if time.monotonic() - began < SHORTEST_SECONDS:
            return 1
        start_anew()
    return 0


if __name__ == "__main__":
    sys.exit(main())
