"""`make demo`: everything up, the examples applied, the first calls read back."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from typing import NamedTuple

import httpx

from voice_lab import commands, evidence, progress, sbc, stack, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.evidence import Expectation, Row
from voice_lab.identity import login, people
from voice_lab.services import cluster, database, everyday, examples, grafana, identity, network

CALLS_SECONDS = 180
ENGINEERS = {"acme": "alice", "globex": "carol"}
"""Who of the directory is a voice engineer of which client; the examples' VoiceClients open these to their groups."""
STAFF = "erin"
PROVIDER = "corp"
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
    stack.up(lab, (*everyday(), "identity"))
    rows, expectations, first_seconds = first_calls(lab, signed_in)
    result = {
        "probes": len(expectations),
        "calls": _count(lab, "voice_call"),
        "cdr_rows": _count(lab, "voice_call") + _count(lab, "voice_call_stream"),
        "grafana_rows": len(rows),
        "not_valid": sum(not row["valid"] for row in rows),
        "strangers_refused": _strangers(lab),
        "grafana": "release" if grafana.is_real() else "stand-in",
        "runs_as": "pods" if lab.pods else "processes",
        "signed_in_by": "Active Directory",
        "first_call_seconds": round(first_seconds, 1),
        "seconds": round(progress.elapsed(), 1),
    }
    print(json.dumps(result), flush=True)  # noqa: T201 - the result


def show(lab: Lab) -> None:
    """Bring everything up, tell the person where to look, and stay until they have seen enough."""
    stack.up(lab, (*everyday(), "identity"))
    first_calls(lab, signed_in)
    print(_summary(lab), flush=True)  # noqa: T201 - the result
    signal.pause()


def first_calls(lab: Lab, sign_in: Callable[[Lab, str], httpx.Client]) -> FirstCalls:
    """Start what does not run yet, and wait for the calls of the examples and for one that is asked for.

    Args:
        sign_in: gives a browser in which a voice engineer of a client is signed in.

    Raises:
        LabError: something did not start, a probe did not become ready, or its calls did not come.
    """
    stack.up(lab)
    expectations = examples.expectations(lab)
    clients = sorted({each.client for each in expectations})
    with progress.step("calls", f"waiting until Grafana shows {evidence.EXPECTED_CALLS} of each probe"):
        _refuse_a_stranger(lab)
        with ExitStack() as opened:
            browsers = {client: opened.enter_context(closing(sign_in(lab, client))) for client in clients}
            return _read_back(lab, browsers, expectations)


def signed_in(lab: Lab, client: str) -> httpx.Client:
    """Return a browser in which a client's voice engineer has signed in, with the account of the directory.

    Raises:
        LabError: the portal or the directory refuses.
    """
    person = people.EVERYBODY[ENGINEERS[client]]
    browser = login.browser(identity.authority(lab))
    page = login.sign_in(browser, lab.portal_url, person, PROVIDER, lab.passwords["demo"])
    if page.url.path != f"/c/{client}/":
        browser.close()
        raise LabError(f"{person.name} does not get to {client} by signing in, but to {page.url} ({page.status_code})")
    browser.base_url = lab.portal_url
    return browser


def _read_back(lab: Lab, browsers: Mapping[str, httpx.Client], expectations: list[Expectation]) -> FirstCalls:
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
        evidence.call_now(browsers[ASKED[0]], *ASKED)
        waiting.until(all_met, what="calls of every probe are read back through Grafana", seconds=CALLS_SECONDS)
    except LabError as error:
        raise LabError(f"{error} {fault}{_missing(expectations, rows)} Logs: {lab.folder / 'logs'}") from error
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
    engineers = "\n".join(f"             {name:8} (a voice engineer of {client})" for client, name in ENGINEERS.items())
    preview = "" if grafana.is_real() else f"\n  Grafana    {grafana.WITHOUT}\n"
    pods = f"\n{cluster.kubectl(lab, 'get', 'pods', '-A').rstrip()}\n" if lab.pods else ""
    return f"""
{cluster.kubectl(lab, "get", "voiceprobes", "-A").rstrip()}
{pods}
  Portal     {lab.portal_url}
  Sign in    with an account of the lab's Active Directory; Keycloak asks for it, whose certificate is the lab's own:
             your browser warns of it, and trusts it with {identity.authority(lab)}
{engineers}
             {STAFF:8} (of the provider's staff: every client, SIP hosts, who may see what)
  Password   {lab.passwords["demo"]}
{preview}
  kubectl    export KUBECONFIG={lab.admin_kubeconfig}
             kubectl get voiceprobes -A --watch
  Logs       {lab.folder / "logs"}

  {len(stack.started(lab))} services are up. Ctrl-C stops them all.
"""
