"""Waits, before anything else is done, until the files of the settings hold what they must.

A Secret or ConfigMap that was made wrong is mended by whoever made it, and the kubelet exchanges its files in place. To
end and be started again would cost a back-off of up to five minutes, and hide the reason behind `CrashLoopBackOff`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from voiceprobe_operator import liveness, logs, metrics
from voiceprobe_operator.settings import Meanwhile, Settings, SettingsError
from voiceprobe_operator.waits import Waits

LOOK_SECONDS = 2


class Ended(Exception):
    """It was told to end (SIGTERM) while it waited."""


def settled(read: Callable[[], Settings]) -> Settings:
    """What `read` returns, once it does; raises SettingsError for what no file can mend, and Ended.

    While it waits, /readyz says why, /healthz is 200, and the log has each reason once.
    """
    try:
        return read()
    except SettingsError as error:
        if error.meanwhile is None:
            raise
        meanwhile = error.meanwhile
    logs.configure(meanwhile.log_level)
    try:
        return asyncio.run(_settled(read, meanwhile))
    except asyncio.CancelledError as error:
        raise Ended from error


async def _settled(read: Callable[[], Settings], meanwhile: Meanwhile) -> Settings:
    task, waits = asyncio.current_task(), Waits()
    if task is not None:
        # Process 1 of a container ignores what it does not handle.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    listening = liveness.listen(meanwhile.liveness_port)
    server = await liveness.serve(listening, lambda: 0, 1, metrics.exposition, waits.sentences)
    try:
        while True:
            try:
                settings = read()
            except SettingsError as error:
                if error.meanwhile is None:
                    raise
                waits.because("settings", "; ".join(error.problems))
                await asyncio.sleep(LOOK_SECONDS)
            else:
                waits.over("settings")
                return settings
    finally:
        server.close()
