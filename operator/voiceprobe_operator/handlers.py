"""What kopf calls. Handlers decide nothing: they pass on which object was heard of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kopf

from voiceprobe_operator.kubernetes import GROUP, PAGE, PLURALS, VERSION, login
from voiceprobe_operator.names import MANAGER
from voiceprobe_operator.service import Service
from voiceprobe_operator.settings import Settings

HELD_SECONDS = 0.1
"""For so long kopf holds an object after its last event, in case there is another one."""


class Memo:
    """Carries the service to the handlers. kopf copies the memo for each object; ours stays one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.service: Service | None = None

    def __copy__(self) -> Memo:
        return self

    @property
    def running(self) -> Service:
        """The service, which is there from startup to cleanup."""
        if self.service is None:
            raise RuntimeError("kopf called a handler before startup")
        return self.service


async def startup(memo: Memo, settings: kopf.OperatorSettings, **_: object) -> None:
    """Set kopf up and start working. The service is made here because its connections belong to this loop."""
    # Only our own Events, and no annotation or finalizer on anybody's object.
    settings.posting.enabled = False
    settings.persistence.finalizer = f"{GROUP}/{MANAGER}"
    settings.networking.request_timeout = 30
    # Whoever writes in a namespace decides how large its objects are: few are in memory at a time.
    settings.watching.chunk_size = PAGE
    settings.queueing.idle_timeout = HELD_SECONDS
    memo.service = Service(memo.settings)
    try:
        await memo.service.start()
    except BaseException:
        # Told to end while standing by: kopf calls no cleanup after a startup that was not finished.
        await memo.service.stop()
        raise


async def cleanup(memo: Memo, **_: object) -> None:
    """Stop working."""
    await memo.running.stop()


async def connect(**_: object) -> kopf.ConnectionInfo:
    """The same way to the API server as our own calls take."""
    return login()


async def noticed(event: Mapping[str, Any], memo: Memo, **_: object) -> None:
    """One of our objects was seen, changed or deleted."""
    # The object as it came: kopf's own view of it would be held as long as any part of it.
    memo.running.notice(event["object"], deleted=event["type"] == "DELETED")


def registry() -> kopf.OperatorRegistry:
    """All handlers, registered."""
    handlers = kopf.OperatorRegistry()
    kopf.on.login(registry=handlers)(connect)
    kopf.on.startup(registry=handlers)(startup)
    kopf.on.cleanup(registry=handlers)(cleanup)
    for plural in PLURALS.values():
        kopf.on.event(GROUP, VERSION, plural, registry=handlers)(noticed)
    return handlers
