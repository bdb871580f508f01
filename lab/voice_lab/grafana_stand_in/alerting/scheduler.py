"""Evaluates the rules of all organisations at their times and sends what follows.

All of it is in memory: after a start every alert that still fires is new, and is told of once more.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from voice_lab.grafana_stand_in.alerting import delivery, states
from voice_lab.grafana_stand_in.alerting.delivery import Smtp
from voice_lab.grafana_stand_in.alerting.dispatch import Message, Notifier
from voice_lab.grafana_stand_in.alerting.expressions import Result, evaluate, queries
from voice_lab.grafana_stand_in.alerting.states import Alert, Instances, Rule
from voice_lab.grafana_stand_in.notifications import tree
from voice_lab.grafana_stand_in.rules import TICK_S, group_interval
from voice_lab.grafana_stand_in.state import SERVER, Document, State

RunQuery = Callable[[int, str, Document, int, int], Document]
"""Answers a query as /api/ds/query does: organisation, datasource's uid, model, and from and to in milliseconds."""
_AT_ONCE = 32
_SPREAD_S = TICK_S // 2
"""How far into a tick rules begin, each at its own second: the rest is for their answers."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """An evaluation of a rule. It is about the moment `at`, a tick, and begins at `start`, soon after."""

    rule: Rule
    at: float
    start: float


class Alerting:
    """Rules, the states of their label sets, and who is told: no query and no message is sent from here."""

    def __init__(self, state: State, root_url: str) -> None:
        self._state, self._root_url = state, root_url
        self._tick = 0.0
        self._waiting: list[Run] = []
        self._running: set[tuple[int, str]] = set()
        self._rules: dict[tuple[int, str], Rule] = {}
        self._instances: dict[tuple[int, str], Instances] = {}
        self._notifiers: dict[int, Notifier] = {}

    def due(self, now: float) -> list[Run]:
        """The evaluations that should begin; each is to be handed to `record`, or to `give_up`."""
        tick = now - now % TICK_S
        if tick > self._tick:
            self._plan(tick, now)
        ready = [run for run in self._waiting if run.start <= now]
        self._waiting = [run for run in self._waiting if run.start > now]
        begun = [run for run in ready if run.rule.key not in self._running]
        self._running |= {run.rule.key for run in begun}
        return begun

    def _plan(self, tick: float, now: float) -> None:
        """Look at the rules as they are written now. Those that are due begin at different seconds."""
        before, self._tick = self._tick or tick, tick
        rules = [self._rule(org, document) for org, document in self._state.everywhere("rule")]
        self._rules = {rule.key: rule for rule in rules}
        for key in [*self._instances]:
            if key not in self._rules:
                self._stop(key, now, "RuleDeleted")
            elif self._rules[key].document.get("isPaused"):
                self._stop(key, now, "Paused")
        for rule in rules:
            at = tick - tick % rule.interval
            if at > before and not rule.document.get("isPaused"):
                offset = zlib.crc32(repr(rule.key).encode()) % _SPREAD_S
                self._waiting.append(Run(rule, at, tick + offset))

    def _rule(self, org: int, document: Document) -> Rule:
        folder = self._state.get("folder", org, document["folderUID"]) or {"title": ""}
        interval = group_interval(self._state, org, document["folderUID"], document["ruleGroup"])
        return Rule(org, document, folder["title"], interval)

    def _stop(self, key: tuple[int, str], now: float, reason: str) -> None:
        self._tell(key[0], states.stopped(self._instances.pop(key).values(), now, reason), now)

    def _tell(self, org: int, alerts: Iterable[Alert], now: float) -> None:
        notifier = self._notifiers.setdefault(org, Notifier(org, self._root_url))
        notifier.use(tree(self._state, org), now)
        notifier.put(alerts, now)

    def record(self, run: Run, results: Sequence[Result], now: float) -> None:
        """Take what a rule found."""
        self._running.discard(run.rule.key)
        written = self._rules.get(run.rule.key)
        if written is None or written.document.get("isPaused"):
            return
        before = self._instances.get(run.rule.key, {})
        self._instances[run.rule.key], told = states.step(run.rule, before, results, run.at)
        if told:
            self._tell(run.rule.org, told, now)

    def give_up(self, run: Run) -> None:
        """An evaluation did not come to an end."""
        self._running.discard(run.rule.key)

    def messages(self, now: float) -> list[tuple[Notifier, Message]]:
        """What should be sent now; what becomes of each is to be told to its notifier."""
        # With an organisation its alerts are gone, and nobody is told.
        self._notifiers = {org: one for org, one in self._notifiers.items() if self._state.get("org", SERVER, org)}
        found = []
        for org, notifier in self._notifiers.items():
            notifier.use(tree(self._state, org), now)
            found += [(notifier, one) for one in notifier.due(now, partial(self._documents, org))]
        return found

    def states(self, org: int) -> list[str]:
        """In which state each label set of the organisation's rules is."""
        return [one.state for key, found in self._instances.items() if key[0] == org for one in found.values()]

    def _documents(self, org: int, kind: str) -> list[Document]:
        return self._state.all(kind, org)


async def run(
    alerting: Alerting,
    run_query: RunQuery,
    smtp: Smtp | None,
    now: Callable[[], float] = time.time,
    *,
    pause_s: float = 1,
) -> None:
    """Evaluate and send until the task is cancelled. No rule waits for another, and no message."""
    pool = ThreadPoolExecutor(_AT_ONCE, "alert-rule")
    loop = asyncio.get_running_loop()

    async def judge(job: Run) -> None:
        try:
            alerting.record(job, await loop.run_in_executor(pool, _results, job, run_query), now())
        except Exception:
            _log.exception("alert rule %s of organisation %s", job.rule.document["uid"], job.rule.org)
            alerting.give_up(job)

    async def deliver(notifier: Notifier, message: Message) -> None:
        notifier.settle(message, now(), delivered=await delivery.send(message, web, smtp))

    try:
        async with delivery.session() as web, asyncio.TaskGroup() as tasks:
            while True:
                try:
                    for job in alerting.due(now()):
                        tasks.create_task(judge(job))
                    for notifier, message in alerting.messages(now()):
                        tasks.create_task(deliver(notifier, message))
                except Exception:
                    _log.exception("alerting goes on")
                await asyncio.sleep(pause_s)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _results(job: Run, run_query: RunQuery) -> list[Result]:
    """What a rule finds now: each of its queries is asked, one after the other."""
    answers = {}
    for query in queries(job.rule.document):
        back = query.get("relativeTimeRange") or {"from": 0, "to": 0}
        first, last = (int(job.at - back[end]) * 1000 for end in ("from", "to"))
        answers[query["refId"]] = run_query(job.rule.org, query["datasourceUid"], query["model"], first, last)
    return evaluate(job.rule.document, answers)
