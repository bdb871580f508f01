"""Tables of cases: what a far end does by its script, and what the record of the call must say of it.

All cases of a table are up at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.interop.proofs import Known
from tests.interop.scripted import Caller, Far, Script
from tests.interop.stage import HOME, Stage
from tests.unit.sipapp.bench import Bench, a_probe, a_tone, header_of
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.records import calluuid
from voice_sipapp.records.cdr import Cdr, ReceiverPart, StreamRecord
from voice_sipapp.signalling.sip.eventloop import run_loop

LIMIT_S = 12.0
RINGS_MS = 300
"""How long our receiver rings: long enough for what must come before it answers, also on a busy machine."""

ANSWERED = {"disposition": "answered", "sip_code": 200, "hangup_by": "local"}
HEARD = {"codec": "PCMA", "rtp_lost": 0, "one_way": False}


@dataclass(frozen=True)
class Case:
    """What the far end does (`script`), where that comes from (`source`), and what the record must say of it: fields of
    the call, and of the stream that was heard (`stream`); `reason` are words of the reason, `check` looks at the rest.
    `probe` are changes of the plan.
    """

    source: str
    script: Callable[[Any], Script]
    call: Mapping[str, object] = field(default_factory=dict)
    stream: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    check: Callable[[Any, Any], object] | None = None
    probe: Mapping[str, object] = field(default_factory=dict)
    was_right: bool = False
    """Whether it was so before these tests were written."""


@dataclass
class Played:
    """What came of a case."""

    case: Case
    far: Any
    record: Cdr | ReceiverPart | None = None

    @property
    def stream(self) -> StreamRecord:
        """The stream that came from the far end."""
        if isinstance(self.record, ReceiverPart):
            return self.record.stream
        assert self.record is not None
        return next(each for each in self.record.streams if each.direction == "reverse")


def play(cases: Mapping[str, Case], folder: Path, *, calls: bool) -> dict[str, Played]:
    """Play all `cases` side by side: far ends that the dialer calls (`calls`), or that call the receiver."""
    stage = Stage()
    played: dict[str, Played] = {}
    with closing(Bench(a_tone(folder))) as bench, closing(stage):
        bench.restart(credentials=Known())
        names = {name: f"p{number}" for number, name in enumerate(cases)}
        probes, uuids = [], {}
        for name, case in cases.items():
            if calls:
                far: Any = Far(stage, case.script)
                destination = SipUri.parse(f"sip:+442071838750@[{HOME}]:{far.port}")
                probe = a_probe(far.port, probe=names[name], **{"destination": destination} | dict(case.probe))
            else:
                uuids[name] = calluuid.new(datetime.now(UTC))
                key = header_of(bench, uuids[name], probe=names[name])
                far = Caller(stage, case.script, bench.receiver_port, key)
                probe = a_probe(far.port, probe=names[name], **{"answer_after_ms": RINGS_MS} | dict(case.probe))
            probes.append(probe)
            played[name] = Played(case, far)
        bench.caller.reception.probes = probes
        stage.start()
        for each, probe in zip(played.values(), probes, strict=True):
            each.far.receiver_port = bench.receiver_port
            each.far.begin()
            if calls:
                bench.caller.outbound.place(probe)
        deadline = time.monotonic() + LIMIT_S
        waiting = [each for each in played.values() if calls or each.case.stream]
        found = bench.cdrs if calls else bench.parts
        while time.monotonic() < deadline and (len(found) < len(waiting) or not _through(played)):
            run_loop(timeout_s=0.1)
        run_loop(timeout_s=0.2)
        for name, one in played.items():
            of = [each for each in bench.cdrs if each.call.probe == names[name]] if calls else []
            parts = [each for each in bench.parts if each.stream.uuid == uuids.get(name)]
            one.record = next(iter([*of, *parts]), None)
            one.far.strangers = bench.caller.reception.strangers
    return played


def a_test_of(
    cases: Mapping[str, Case], *, calls: bool, during: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Callable[..., None]:
    """The test of a table, one for each case: all are played side by side `during` what is given, when the first is
    asked for.
    """
    played: dict[str, Played] = {}

    @pytest.mark.parametrize("name", cases)
    def test(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
        if not played:
            with during():
                played.update(play(cases, tmp_path_factory.mktemp("far-ends"), calls=calls))
        judge(played[name])

    return test


def _through(played: Mapping[str, Played]) -> bool:
    return all(one.stuck is None for each in played.values() for one in (each.far, *each.far.others))


def judge(one: Played) -> None:
    """Hold what came of a case against what must."""
    case, far = one.case, one.far
    for each in (far, *far.others):
        assert each.problem is None, each.problem
        heard = [text[:60] for text in [*each.requests, *each.answers]]
        assert each.stuck is None, f"the far end still waits for {each.stuck}; it heard {heard}"
    if case.call or case.stream:
        assert one.record is not None, "there is no record"
    if case.call:
        assert isinstance(one.record, Cdr)
        call = one.record.call
        got = {name: getattr(call, name) for name in case.call}
        assert got == dict(case.call), f"{got} {call.sip_reason}"
        assert case.reason in (call.sip_reason or ""), call.sip_reason
    if case.stream:
        of_stream = {name: getattr(one.stream, name) for name in case.stream}
        assert of_stream == dict(case.stream), of_stream
    if case.check is not None:
        assert case.check(far, one.record), "\n\n".join(each[:500] for each in [*far.requests, *far.answers])
