"""The running application: its threads, their start and their end."""

import logging
import signal
import threading
from datetime import UTC, datetime, timedelta

from voice_sipapp import __version__, pauses
from voice_sipapp.calls import TICK_S, Calls
from voice_sipapp.exporter import Exporter
from voice_sipapp.finishing import Finisher
from voice_sipapp.ledger import Ledger
from voice_sipapp.measurement import fullreference
from voice_sipapp.measurement.fullreference import Judge
from voice_sipapp.measurement.recording import Recordings
from voice_sipapp.measurement.uploads import Uploads
from voice_sipapp.media import rtp
from voice_sipapp.media.audio import AudioStore
from voice_sipapp.metrics import Metrics, Sources
from voice_sipapp.plan import reader as plan
from voice_sipapp.plan.claiming import Claims
from voice_sipapp.plan.leaseholder import Leaseholder, clock
from voice_sipapp.plan.leases import Host, Lease
from voice_sipapp.plan.limits import Turns
from voice_sipapp.plan.probe import Probe
from voice_sipapp.plan.reader import PlanReader
from voice_sipapp.records import callkey
from voice_sipapp.records import spool as spools
from voice_sipapp.records.callkey import CallKey
from voice_sipapp.records.cdr import Cdr, Parameter, ReceiverPart
from voice_sipapp.records.uploader import Uploader
from voice_sipapp.records.writer import Writer
from voice_sipapp.settings import Settings
from voice_sipapp.signalling import credentials
from voice_sipapp.signalling.screening import limits_for
from voice_sipapp.signalling.sip.endpoint import Endpoint
from voice_sipapp.signalling.sip.eventloop import end_loop, every, later, on_signal, run_loop
from voice_sipapp.signalling.sip.garbage import garbage
from voice_sipapp.signalling.station import Station

GOODBYE_S = 1.0
"""How long the stack goes on after the last BYE was sent, for its answer and one repetition."""

SWEEP_S = 1.0
"""How often it is asked whether this is a good time to collect garbage."""

log = logging.getLogger(__name__)


class Application:
    """Everything one SIP host runs. Must be made and run in the main thread: the SIP stack's timers live there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failed = self._told_of_key = False
        self._started_at = datetime.now(UTC)
        self._spool = spools.owned(settings.spool)
        if cut_off := self._spool.recover():
            log.warning("%d calls were up when this host last stopped; their records say interrupted", cut_off)
        self._engine = rtp.Engine(settings.address, settings.rtp_ports)
        self._key = _call_key(settings)
        self._writer = Writer(self._spool, settings.database, self._key)
        self._judge = self._made_judge()
        recordings = _recordings(settings)
        self._uploader = self._made_uploader(recordings)
        own = Host(settings.sip_host, settings.parties, settings.clients)
        self._leases = Leaseholder(own, self._let_go)
        self._station = self._made_station()
        self._ledger = Ledger(self._keep, self._spool.begin, self._spool.forget_part)
        self._calls = Calls(
            self._station,
            AudioStore(settings.audio),
            self._ledger,
            Finisher(self._ledger.keep, recordings, self._judge, self._uploads()),
            limits=limits_for(settings.max_calls, settings.calls_per_second),
            admission_queue=Turns(settings.max_calls, settings.calls_per_second),
            may_call=lambda: self._leases.tenure.may_call(clock()),  # its tenure is another one later
        )
        copy = settings.spool.with_name(settings.spool.name + ".plan")
        claims = Claims(settings.sip_host, self._calls.scheduler, self._calls.reception.expect)
        self._plan = PlanReader(settings.database, copy, self._leases, claims, self._publish, self._heartbeat)
        self._metrics = Metrics(self._sources(), settings.max_calls)
        self._exporter = Exporter(*settings.metrics, self._metrics.exposition) if settings.metrics else None

    def _made_station(self) -> Station:
        settings = self._settings
        return Station(
            dialer=Endpoint(settings.address, settings.dialer_port),
            receiver=Endpoint(settings.address, settings.receiver_port),
            engine=self._engine,
            sip_host=settings.sip_host,
            address=settings.address,
            edge=settings.edge,
            credentials=credentials.load(settings.credentials or ""),
            key=self._key,
        )

    def _made_judge(self) -> Judge | None:
        """What scores recordings, where there are any and the means are installed."""
        if self._settings.recordings is None:
            return None
        if reason := fullreference.missing():
            log.info("recordings are not scored: %s", reason)
            return None
        return Judge(self._settings.audio, self._spool.put_score)

    def _made_uploader(self, recordings: Recordings | None) -> Uploader | None:
        """What sends recordings, where there are any that may leave this host."""
        settings = self._settings
        if recordings is None or not settings.recordings_upload:
            return None
        return Uploader(self._spool, settings.database, settings.sip_host, recordings.path)

    def _uploads(self) -> Uploads | None:
        if self._uploader is None:
            return None
        return Uploads(self._spool.put_recording, self._settings.recordings_per_hour)

    def _sources(self) -> Sources:
        return Sources(
            active_calls=lambda: self._calls.active,
            spool_depth=self._spool.depth,
            dead_letters=self._spool.dead,
            records_in_memory=lambda: self._ledger.unkept,
            recordings_waiting=self._spool.recordings_waiting,
            recordings_sent=lambda: self._uploader.sent if self._uploader else 0,
            recordings_dropped=lambda: self._uploader.dropped if self._uploader else 0,
            unsolicited_calls=lambda: self._calls.reception.strangers,
            unreadable_messages=lambda: garbage.count,
            skipped_calls=lambda: self._calls.scheduler.skipped,
            registrations=lambda: self._calls.registrations.states,
            plan_age_s=lambda: self._plan.age_s,
            clock_offset_ms=lambda: self._plan.clock_offset_ms,
        )

    def _keep(self, record: Cdr | ReceiverPart) -> None:
        self._spool.put(record)
        if isinstance(record, Cdr):
            call = record.call
            self._metrics.call(call.disposition, valid=call.valid, lag_ms=call.probe_lag_ms)
        elif not record.contested:
            self._metrics.remote_call(proven=record.known)

    def _let_go(self, leases: frozenset[Lease]) -> tuple[frozenset[Lease], float]:
        return self._calls.scheduler.let_go(leases)

    def _publish(self, probes: list[Probe], held: frozenset[Lease], free_since: dict[Lease, float]) -> None:
        log.info("plan: %d probes; leases held: %d", len(probes), len(held))
        self._metrics.plan(len(probes), held)
        now, moment = datetime.now(UTC), clock()
        since = {lease[:2]: now - timedelta(seconds=moment - at) for lease, at in free_since.items()
                 if lease.party == "dialer"}  # fmt: skip
        self._calls.submit(lambda: self._calls.update(probes, held, since))

    def _heartbeat(self) -> dict[str, Parameter]:
        if self._settings.call_key is None and self._leases.others and not self._told_of_key:
            self._told_of_key = True
            log.warning("there are other SIP hosts (%s), and this one has no call key; give all of them the same"
                        " (docs/sip-host.md)", ", ".join(self._leases.others))  # fmt: skip
        waiting = self._spool.depth() + self._ledger.unkept
        return plan.heartbeat_row(
            self._leases.own,
            __version__,
            self._started_at,
            active_calls=self._calls.active,
            spool_depth=waiting,
            dead_letters=self._spool.dead(),
            strangers=self._calls.reception.strangers,
            calls_left_out=self._calls.scheduler.skipped,
        )

    def run(self) -> bool:
        """Call until SIGTERM or SIGINT; then hang up, write what there is and return.

        False if it ended by itself because one of its threads failed: a half-working prober must be started anew.
        """
        threading.excepthook = self._thread_failed
        pauses.prepare()
        for thread in (self._engine, self._writer, self._uploader, self._plan, self._exporter):
            if thread is not None:
                thread.start()
        every(TICK_S, self._calls.tick)
        every(SWEEP_S, pauses.Sweeper(lambda: self._calls.active).tick)
        for number in (signal.SIGTERM, signal.SIGINT):
            on_signal(number, self._stop)
        log.info("dialer on %s, receiver on %s", self._station.dialer.address,
                 self._station.receiver.address)  # fmt: skip
        try:
            run_loop()
        finally:
            self._close()
        return not self._failed

    def _thread_failed(self, failure: threading.ExceptHookArgs) -> None:
        log.critical("a thread failed", exc_info=failure.exc_value)
        self._failed = True
        self._calls.submit(self._stop)

    def _stop(self) -> None:
        log.info("stopping: %d calls are up", self._calls.active)
        self._calls.stop()
        later(GOODBYE_S, end_loop)

    def _close(self) -> None:
        if self._exporter is not None:
            self._exporter.stop()
        self._plan.stop()
        self._calls.close()
        if self._judge is not None:
            self._judge.close()
        self._engine.stop()
        self._writer.stop()
        if self._uploader is not None:
            self._uploader.stop()
        for endpoint in (self._station.dialer, self._station.receiver):
            endpoint.close()
        log.info("stopped; %d records wait for the database", self._spool.depth())
        self._spool.close()


def _call_key(settings: Settings) -> CallKey:
    if settings.call_key is None:
        log.info("call key: %s", callkey.NONE)
    return callkey.load(settings.call_key)


def _recordings(settings: Settings) -> Recordings | None:
    """Where recordings of bad calls go, if they are to be kept."""
    if settings.recordings is None:
        return None
    return Recordings(settings.recordings, settings.recordings_max_mb, settings.recordings_max_days)
