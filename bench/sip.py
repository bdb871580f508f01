"""How many calls one core carries, with everything measured; beside SIPp and baresip, on the same core in the same run.

And how fast records get from the spool into the database, beside a plain insert of as many rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from bench import capture, limits, load, peers, plan, prober, rows
from bench.figures import figure
from bench.load import Stage, Step, Subject
from voice_lab import progress, root, stack
from voice_lab.context import Lab

Running = Callable[[Lab], AbstractContextManager[Subject]]
PARTS = ("application", "baresip", "sipp", "rows")
HOLD_CALLS = 100
HOLD_SETTLE_S, HOLD_S = prober.EVERY_S, 30
"""Until every probe has been called once; then what is measured at 100 calls."""


def main() -> None:
    """Start what is needed of a lab, measure, stop it."""
    arguments = _arguments()
    names = ["sip_host"]
    packages = (*capture.PACKAGES, *peers.PACKAGES)
    root.become(lambda: stack.install(names, extra_packages=packages), "bench.sip", sys.argv[1:])
    load.reserve_core()
    with stack.running("bench-sip") as lab:
        stack.up(lab, ["schema", "network"])
        chosen = set(arguments.only or PARTS)
        ours = _application(lab, arguments) if "application" in chosen else None
        if "baresip" in chosen:
            _peer(lab, peers.baresip, _rising(100, arguments), ours)
        if "sipp" in chosen:
            _peer(lab, peers.sipp, _rising(800, arguments), ours)
        if "rows" in chosen:
            _report_rows(rows.measure(lab, arguments.records))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sip", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--only", action="append", choices=("application", "sipp", "baresip", "rows"), help="leave out the rest"
    )
    parser.add_argument("--step", type=int, default=40, help="calls added each 10 s (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=6, help="how often at most (default: %(default)s)")
    parser.add_argument(
        "--records", type=int, default=1000, help="call records for the database (default: %(default)s)"
    )
    return parser.parse_args()


def _application(lab: Lab, arguments: argparse.Namespace) -> float:
    """Measure the SIP application and print its figures; returns its calls per core."""
    held = HOLD_SETTLE_S + HOLD_S
    with progress.step("application", "making calls"), prober.running(lab) as subject:
        before = subject.started_processes()
        steps = load.run(lab, subject, [Stage(HOLD_CALLS, held)])
        (at_100_calls,) = plan.records(lab, prober.RECORDS, {"client": prober.CLIENT})
        steps += load.run(lab, subject, [Stage(arguments.step, load.WINDOW_S)] * arguments.steps)
        started = subject.started_processes() - before
        (recorded,) = plan.records(lab, prober.RECORDS, {"client": prober.CLIENT})  # before it ends, and calls with it
    at_hold = steps[round(HOLD_SETTLE_S / load.WINDOW_S) + 1 : round(held / load.WINDOW_S)]
    _report_steps(steps, "application")
    calls, _ = _limit(lab, prober.running, steps, arguments.step)
    figure("calls_per_core", calls, "two-party calls")
    mean = sum(step.window.calls for step in at_hold) / len(at_hold)
    figure("calls_held", mean, "two-party calls")
    figure("cpu_percent_per_leg", 100 * sum(step.cpu for step in at_hold) / len(at_hold) / (2 * mean), "% of a core")
    figure("rss_mb_at_100_calls", max(step.rss_mb for step in at_hold), "MB")
    figure("worst_send_lag_ms_at_100_calls", max(step.window.worst_lag_ms for step in at_hold), "ms")
    figure("late_pct_at_100_calls", max(step.window.late_pct for step in at_hold), "% of packets")
    figure("call_setup_process_starts", started, "processes")
    _report_records(at_100_calls, "_at_100_calls")
    _report_records(recorded, "")
    return calls


def _report_records(told: plan.Row, at: str) -> None:
    expected = int(told["expected"] or 0)
    figure(f"recorded_streams{at}", told["streams"], "streams")
    figure(f"recorded_invalid_pct{at}", 100 * float(told["invalid"] or 0) / max(1, told["streams"]), "% of streams")
    figure(f"recorded_loss_pct{at}", 100 * float(told["lost"] or 0) / max(1, expected), "% of packets")


def _rising(first: int, arguments: argparse.Namespace) -> list[Stage]:
    step = first * arguments.step // 100
    return [Stage(first, load.WINDOW_S), *[Stage(step, load.WINDOW_S)] * arguments.steps]


def _peer(lab: Lab, running: Running, stages: Sequence[Stage], ours: float | None) -> None:
    """Measure another program and print its figures, against `ours`."""
    with running(lab) as subject, progress.step(subject.name, "making calls"):
        name, steps = subject.name, load.run(lab, subject, stages)
    _report_steps(steps, name)
    calls, windows = _limit(lab, running, steps, stages[-1].calls)
    figure(f"{name}_calls_per_core", calls, "two-party calls", against="our calls per core" if ours else "",
           ratio=calls / ours if ours else None)  # fmt: skip
    if best := max((step for step in windows if step.good and step.calls), key=lambda step: step.calls, default=None):
        figure(f"{name}_cpu_percent_per_leg", 100 * best.cpu / (2 * best.calls), "% of a core")


def _limit(lab: Lab, running: Running, rising: Sequence[Step], step: int) -> tuple[float, list[Step]]:
    """The most calls that a program keeps up with (see `bench.limits`), and all windows that tell."""
    windows = list(rising)

    def attempt(calls: int) -> limits.Trial:
        found = load.attempt(lab, running, calls)
        _report_steps(found, f"trial of {calls}")
        windows.extend(found)
        return limits.trial(calls, found)

    return limits.search(rising, step, attempt), windows


def _report_steps(steps: Sequence[Step], name: str) -> None:
    """Say on standard error how each window went, for whoever wants to know why a limit is where it is."""
    for step in steps:
        window = step.window
        progress.say(
            f"{name}: {window.calls:6.1f} calls, {100 * step.cpu:5.1f} % of the core, {step.rss_mb:.0f} MB, "
            f"late {window.late_pct:.3f} %, lost {step.lost_pct:.3f} %, latest {window.worst_lag_ms:.1f} ms"
        )


def _report_rows(speed: rows.Speed) -> None:
    figure("plain_insert_rows_per_s", speed.plain_rows_per_s, "rows/s")
    figure("odbc_rows_per_s", speed.rows_per_s, "rows/s", against="plain insert of many rows at a time",
           ratio=speed.rows_per_s / speed.plain_rows_per_s)  # fmt: skip
    figure("odbc_cdrs_per_s", speed.cdrs_per_s, "calls/s")
    figure("spool_cdrs_per_s", speed.spooled_per_s, "calls/s")


if __name__ == "__main__":
    main()
