"""The folder of a client's dashboards and alert rules in Grafana: whichever of the two comes first makes it."""

from __future__ import annotations

import logging

from voiceprobe_operator.grafana.organisation import Organisation
from voiceprobe_operator.turn.turn import Turn

log = logging.getLogger(__name__)


async def ensure_folder(turn: Turn, organisation: Organisation) -> None:
    """Have the folder there, and seen by the client's viewer. Raises Transient or Rejected."""
    if await organisation.ensure_folder():
        turn.result.mended["folder"] += 1
        log.info("%s: folder of the dashboards or its permissions written", turn.client)
