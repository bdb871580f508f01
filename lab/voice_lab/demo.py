"""`make demo`: everything up, the examples applied, the first calls read back."""

from __future__ import annotations

import json
import signal
import sys
from typing import NamedTuple

import httpx

from voice_lab import commands, evidence, progress, sbc, stack, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.evidence import Expectation, Row
from voice_lab.services import cluster, database, examples, grafana, network, portal, registry

CALLS_SECONDS = 180
STAFF = "staff"
ASKED = ("acme", "inbound-sales")
"""The client and the probe of which a call is asked for in the portal."""


class FirstCalls(NamedTuple):
    """The first calls of the examples as read back through Grafana.

    Attributes:
        rows: the calls.
        expectations: what was expected of them.
        first_seconds: from the start of the command until the first of them was read back.
    """

    rows: list[Row]
    expectations: list[Expectation]
    first_seconds: float


def check(lab: Lab) -> None:
    """Bring everything up, prove that it works, print one line of JSON."""
    rows, expectations, first_seconds = first_calls(lab)
    result = {
        "probes": len(expectations),
        "calls": _count(lab, "voice_call"),
        "cdr_rows": _count(lab, "voice_call") + _count(lab, "voice_call_stream"),
        "grafana_rows": len(rows),
        "not_valid": sum(not row["valid"] for row in rows),
        "strangers_refused": _strangers(lab),
        "grafana": "release" if grafana.is_real() else "stand-in",
        "runs_as": "pods" if lab.pods else "processes",
        "first_call_seconds": round(first_seconds, 1),
        "seconds": round(progress.elapsed(), 1),
    }
    print(json.dumps(result), flush=True)  # noqa: T201 - the result


def show(lab: Lab) -> None:
    """Bring everything up, tell the person where to look, and stay until they have seen enough."""
    first_calls(lab)
    print(_summary(lab), flush=True)  # noqa: T201 - the result
    signal.pause()


def first_calls(lab: Lab) -> FirstCalls:
    """Start everything, make the logins, and wait for the calls of the examples and for one that is asked for.

    Raises:
        LabError: something did not start, a probe did not become ready, or its calls did not come.
    """
    stack.up(lab)
    expectations = examples.expectations(lab)
    clients = sorted({each.client for each in expectations})
    for client in clients:
        portal.add_user(lab, login(client), client)
    portal.add_user(lab, STAFF, staff=True)
    with progress.step("calls", f"waiting until Grafana shows {evidence.EXPECTED_CALLS} of each probe"):
        _refuse_a_stranger(lab)
        return _read_back(lab, clients, expectations)


def login(client: str) -> str:
    """Return the demo login of a client's voice engineer."""
    return f"engineer@{client}"


def _read_back(lab: Lab, clients: list[str], expectations: list[Expectation]) -> FirstCalls:
    browsers = {client: evidence.sign_in(lab, login(client)) for client in clients}
    rows: list[Row] = []
    fault, first_seconds = "", 0.0

    def all_met() -> bool:
        nonlocal fault, first_seconds
        try:
            rows[:] = [row for browser in browsers.values() for row in evidence.whole_calls(browser)]
            fault = ""
        except (httpx.HTTPError, LabError) as error:
            fault = f"{error}. "  # a busy machine may let one answer wait too long; the next may come
        first_seconds = first_seconds or (progress.elapsed() if rows else 0.0)
        asked = any(row["request_id"] and (row["client"], row["probe"]) == ASKED for row in rows)
        return not fault and asked and all(expectation.met_by(rows) for expectation in expectations)

    try:
        evidence.call_now(browsers[ASKED[0]], ASKED[1])
        waiting.until(all_met, what="calls of every probe are read back through Grafana", seconds=CALLS_SECONDS)
    except LabError as error:
        raise LabError(f"{error} {fault}{_missing(expectations, rows)} Logs: {lab.folder / 'logs'}") from error
    finally:
        for browser in browsers.values():
            browser.close()
    return FirstCalls(rows, expectations, first_seconds)


def _missing(expectations: list[Expectation], rows: list[Row]) -> str:
    """Which probes lack calls, and whether that may be this machine's own fault."""
    unmet = ", ".join(f"{each.client}/{each.probe}" for each in expectations if not each.met_by(rows))
    spoilt = sum(not row["valid"] for row in rows)
    why = f" {spoilt} of {len(rows)} calls do not count, as this machine was too busy to measure." if spoilt else ""
    return f"Missing: {unmet or 'the call that was asked for'}.{why}"


def _refuse_a_stranger(lab: Lab) -> None:
    """Have somebody call who is no probe.

    Raises:
        LabError: the call is not refused with 486, or not counted.
    """
    where = network.inside(network.sbc_namespace(lab), sys.executable, "-m", "voice_lab.stranger")
    number = f"{sbc.CLEAN_TRUNK}99"
    code = commands.run([*where, network.PLAN.address, str(network.PLAN.port), number], seconds=30).strip()
    if code != "486":
        raise LabError(f"a stranger's call to {number} is answered with {code}, not refused with 486")
    waiting.until(lambda: _strangers(lab) > 0, what="a SIP host's heartbeat counts the stranger", seconds=30)


def _strangers(lab: Lab) -> int:
    with database.connect(lab, "admin") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT SUM(strangers) FROM voice_sip_host")
        (count,) = cursor.fetchone() or (0,)
        return int(count or 0)


def _count(lab: Lab, table: str) -> int:
    with database.connect(lab, "admin") as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - a name from this module
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def _summary(lab: Lab) -> str:
    clients = sorted({each.client for each in examples.expectations(lab)})
    logins = "\n".join(f"             {login(client)}  ({client} sees only its own calls)" for client in clients)
    preview = "" if grafana.is_real() else f"\n  Grafana    {grafana.WITHOUT}\n"
    pods = f"\n{cluster.kubectl(lab, 'get', 'pods', '-A').rstrip()}\n" if lab.pods else ""
    return f"""
{cluster.kubectl(lab, "get", "voiceprobes", "-A").rstrip()}
{pods}
  Portal     {lab.portal_url}
  Password   {lab.passwords["demo"]}
  Login
{logins}
             {STAFF}  (sees every client, and the SIP hosts)
{preview}
  kubectl    export KUBECONFIG={lab.admin_kubeconfig}
             kubectl get voiceprobes -A --watch
  Logs       {lab.folder / "logs"}

  {len(registry())} services are up. Ctrl-C stops them all.
"""
