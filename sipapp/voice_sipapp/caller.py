"""Places the calls that are due, gives the receiver its own calls, and hands over what is finished.

Runs in the SIP stack's thread; other threads reach it through `submit`.
"""

import logging
import queue
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid4

from voice_sipapp import scoring, stack
from voice_sipapp.audio import AudioError, AudioStore
from voice_sipapp.call import Call
from voice_sipapp.cdr import CallRecord, Cdr, StreamRecord
from voice_sipapp.keeper import Keeper
from voice_sipapp.probe import Probe
from voice_sipapp.rtp import Stream
from voice_sipapp.schedule import Schedule
from voice_sipapp.scoring import NOBODY
from voice_sipapp.station import Station

TICK_S = 0.05
STRANGERS_EVERY_S = 60.0
"""At most one line in the log about strangers in this time."""

RETRY_S = 5.0
"""How often records that the disk would not take are tried again."""

OVERDUE_MS = 60_000
"""A call that is not over this long after its answer delay and its duration is ended from outside."""

log = logging.getLogger(__name__)


class Caller:
    """The calls of this host. `keep` gets each finished record, in a thread of its own, and must make it durable."""

    def __init__(self, sounds: AudioStore, keep: Callable[[Cdr], None]) -> None:
        self.station: Station
        self.strangers = 0
        self._next_stranger_line = 0.0
        self._stopping = False
        self._sounds = sounds
        self._keeper = Keeper(keep)
        self._next_retry = 0.0
        self._schedule = Schedule()
        self._calls: dict[UUID, Call] = {}
        self._watchdogs: dict[UUID, Any] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._scorer = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._resolver = ThreadPoolExecutor(4, thread_name_prefix="resolve")

    @property
    def unkept(self) -> int:
        """How many finished records are only in memory, because the disk would not take them."""
        return self._keeper.waiting

    @property
    def active(self) -> int:
        """How many calls are up."""
        return len(self._calls)

    def submit(self, action: Callable[[], None]) -> None:
        """Run `action` soon in the stack's thread; may be called from any thread."""
        self._inbox.put(action)

    def update(self, probes: list[Probe]) -> None:
        """Take over a new plan."""
        self._schedule.update(probes, datetime.now(UTC))

    def tick(self) -> None:
        """Do what was submitted and start what is due."""
        while True:
            try:
                action = self._inbox.get_nowait()
            except queue.Empty:
                break
            try:
                action()
            except Exception:
                log.exception("what another thread asked for could not be done")
        if self._keeper.waiting and time.monotonic() >= self._next_retry:
            self._next_retry = time.monotonic() + RETRY_S
            self._scorer.submit(self._keeper.retry)
        if self._stopping:
            return
        for probe in self._schedule.due(datetime.now(UTC)):
            try:
                self.place(probe)
            except Exception as error:
                log.exception("no call of %s/%s", *probe.key)
                self._not_placed(probe, "failed", f"Error in the SIP application: {error!r}")

    def take(self, header: str | None) -> stack.Leg | None:
        """The leg for an INVITE that carries `header`; None for a stranger, who is counted."""
        try:
            call = self._calls.get(UUID(header)) if header else None
        except ValueError:
            call = None
        leg = call.take() if call else None
        if leg is None:
            self._refused_stranger()
        return leg

    def _refused_stranger(self) -> None:
        """Count it, and say so once in a while: scanners try an open port many times a second."""
        self.strangers += 1
        if time.monotonic() >= self._next_stranger_line:
            self._next_stranger_line = time.monotonic() + STRANGERS_EVERY_S
            log.warning("a call that is not ours was refused (%d so far)", self.strangers)

    def place(self, probe: Probe) -> None:
        """Start a call of `probe`, or write down why there can't be one."""
        if problem := self._impossible(probe):
            self._not_placed(probe, "configuration_error", problem)
            return
        try:
            sound = self._sounds.get(probe.audio)
        except AudioError as error:
            self._not_placed(probe, "configuration_error", f"Nothing to play: {error}.")
            return
        try:
            call = Call(self.station, probe, sound, self._over)
        except OSError as error:
            log.error("no call of %s/%s: %s", *probe.key, error)  # noqa: TRY400
            self._not_placed(probe, "failed", f"This host can't place the call: {error}")
            return
        self._calls[call.uuid] = call
        limit_ms = probe.duration_ms + probe.answer_after_ms + OVERDUE_MS
        self._watchdogs[call.uuid] = stack.later(limit_ms / 1000, lambda: self._overdue(call))
        call.safely(self._start)(call)

    def _impossible(self, probe: Probe) -> str | None:
        """Why a call of `probe` can't be placed from this host as it is described, as a sentence; None if it can."""
        if probe.unsupported:
            return probe.unsupported
        try:
            for uri in (probe.dialer, probe.destination):
                stack.check_uri(uri)
        except ValueError as error:
            return f"{error}."
        host, _ = (probe.proxy or probe.destination).address
        own = ip_address(self.station.address)
        try:
            other = ip_address(host.strip("[]"))
        except ValueError:
            return None  # a name, to be looked up
        if other.version == own.version:
            return None
        return (
            f"{other} can't be reached from {own}: one is an IPv{other.version}, the other an IPv{own.version} address."
        )

    def _start(self, call: Call) -> None:
        host, port = (call.probe.proxy or call.probe.destination).address
        try:
            ip_address(host.strip("[]"))
        except ValueError:
            self._resolver.submit(self._resolve, call, host, port)
        else:
            call.start((host, port))

    def _resolve(self, call: Call, host: str, port: int) -> None:
        """Find the address of `host`, of the same family as ours; runs in a thread because it may take seconds."""
        family = socket.AF_INET6 if ":" in self.station.address else socket.AF_INET
        try:
            address = str(socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0][4][0])
        except Exception as error:  # UnicodeError among others: none may lose the call
            cause = (error.strerror if isinstance(error, OSError) else None) or error
            reason = f"The host name {host} can't be resolved: {cause}"
            self.submit(lambda: call.fail(reason, spoilt=True))
            return
        self.submit(lambda: call.safely(call.start)((stack.bracketed(address), port)))

    def _overdue(self, call: Call) -> None:
        log.error("call %s of %s/%s did not end by itself", call.uuid, *call.probe.key)
        call.abandon("Error in the SIP application: the call did not end by itself.")

    def _over(self, call: Call) -> None:
        del self._calls[call.uuid]
        self._watchdogs.pop(call.uuid).cancel()
        self._schedule.ended(call.probe.key)
        try:
            record = call.record()
            dialer, receiver = _party(call.dialer_stream), _party(call.receiver_stream)
        except Exception as error:
            log.exception("call %s could not be written down", call.uuid)
            self._not_placed(call.probe, "failed", f"Error in the SIP application: {error!r}")
            return
        self._scorer.submit(self._finish, record, dialer, receiver)

    def _finish(self, record: CallRecord, dialer: scoring.Party, receiver: scoring.Party) -> None:
        try:
            cdr = scoring.complete(record, dialer, receiver)
        except Exception:
            log.exception("call %s could not be scored", record.uuid)
            cdr = scoring.complete(replace(record, valid=False), NOBODY, NOBODY)
        self._keeper.keep(cdr)
        self._tell(cdr)

    def _not_placed(self, probe: Probe, disposition: str, reason: str) -> None:
        """Write a record that says why `probe` is not called: because of the plan, or of this host (then not valid)."""
        now = datetime.now(UTC)
        call = CallRecord(
            uuid=uuid4(),
            started_at=now,
            client=probe.client,
            probe=probe.probe,
            generation=probe.generation,
            sip_host=self.station.sip_host,
            from_uri=probe.dialer.text,
            to_uri=probe.destination.text,
            ended_at=now,
            disposition=disposition,
            sip_reason=reason,
            audio=probe.audio,
            valid=disposition == "configuration_error",
        )
        self._schedule.ended(probe.key)
        self._scorer.submit(self._finish, call, NOBODY, NOBODY)

    def _tell(self, cdr: Cdr) -> None:
        call = cdr.call
        forward, reverse = (_mos(stream) for stream in cdr.streams)
        log.info(
            "call %s %s/%s %s code=%s mos=%s/%s%s",
            call.uuid, call.client, call.probe, call.disposition, call.sip_code, forward, reverse,
            "" if call.valid else " (not valid)",
        )  # fmt: skip

    def stop(self) -> None:
        """Start no more calls and hang up those that are up; their records follow within moments."""
        self._stopping = True
        for call in list(self._calls.values()):
            call.stop()

    def close(self) -> None:
        """Wait until every finished call is scored and kept."""
        self._resolver.shutdown(wait=False, cancel_futures=True)
        self._scorer.shutdown(wait=True)
        self._keeper.give_up()


def _party(stream: Stream) -> scoring.Party:
    """What scoring needs of a `stream` that has ended."""
    exchange = stream.exchange
    # The stack remembers a call for half a minute; its packets, a megabyte, go as soon as they are scored.
    received, stream.received = stream.received, []
    return scoring.Party(
        codec=stream.codec,
        sent=stream.sent,
        not_sent=stream.send_errors,
        send_problem=stream.send_problem,
        lag_ms=stream.lag_ms,
        clock_step_ms=stream.clock_step_ms,
        received=received,
        round_trips_ms=exchange.round_trips_ms,
        remote_lost=exchange.remote_lost,
        remote_jitter_ms=exchange.remote_jitter_ms,
    )


def _mos(stream: StreamRecord) -> str:
    return "-" if stream.mos_cq is None else f"{stream.mos_cq:.2f}"
