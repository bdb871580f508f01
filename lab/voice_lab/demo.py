"""`make demo`: everything up, the examples applied, the first calls read back."""

from __future__ import annotations

import json
import signal

import httpx

from voice_lab import evidence, progress, stack, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.evidence import Expectation, Row
from voice_lab.services import cluster, database, examples, portal, registry

CALLS_SECONDS = 180


def check(lab: Lab) -> None:
    """Bring everything up, prove that it works, print one line of JSON."""
    rows, expectations = first_calls(lab)
    result = {
        "probes": len(expectations),
        "calls": _count(lab, "voice_call"),
        "cdr_rows": _count(lab, "voice_call") + _count(lab, "voice_call_stream"),
        "grafana_rows": len(rows),
        "seconds": round(progress.elapsed(), 1),
    }
    print(json.dumps(result), flush=True)  # noqa: T201 - the result


def show(lab: Lab) -> None:
    """Bring everything up, tell the person where to look, and stay until they have seen enough."""
    first_calls(lab)
    print(_summary(lab), flush=True)  # noqa: T201 - the result
    signal.pause()


def first_calls(lab: Lab) -> tuple[list[Row], list[Expectation]]:
    """Start everything, make a login for each client, and wait for the calls of the examples.

    Returns the calls as read back through Grafana, and what was expected of them.

    Raises:
        LabError: something did not start, a probe did not become ready, or its calls did not come.
    """
    stack.up(lab)
    expectations = examples.expectations(lab)
    clients = sorted({each.client for each in expectations})
    for client in clients:
        portal.add_user(lab, login(client), client)
    with progress.step("calls", f"waiting until Grafana shows {evidence.EXPECTED_CALLS} of each probe"):
        return _read_back(lab, clients, expectations), expectations


def login(client: str) -> str:
    """Return the demo login of a client's voice engineer."""
    return f"engineer@{client}"


def _read_back(lab: Lab, clients: list[str], expectations: list[Expectation]) -> list[Row]:
    browsers = {client: evidence.sign_in(lab, login(client)) for client in clients}
    rows: list[Row] = []
    fault = ""

    def all_met() -> bool:
        nonlocal fault
        try:
            rows[:] = [row for browser in browsers.values() for row in evidence.whole_calls(browser)]
            fault = ""
        except (httpx.HTTPError, LabError) as error:
            fault = f"{error}. "  # a busy machine may let one answer wait too long; the next may come
        return not fault and all(expectation.met_by(rows) for expectation in expectations)

    try:
        waiting.until(all_met, what="calls of every probe are read back through Grafana", seconds=CALLS_SECONDS)
    except LabError as error:
        unmet = ", ".join(f"{each.client}/{each.probe}" for each in expectations if not each.met_by(rows))
        raise LabError(f"{error} {fault}Missing: {unmet}. Logs: {lab.folder / 'logs'}") from error
    finally:
        for browser in browsers.values():
            browser.close()
    return rows


def _count(lab: Lab, table: str) -> int:
    with database.connect(lab, "admin") as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - a name from this module
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def _summary(lab: Lab) -> str:
    clients = sorted({each.client for each in examples.expectations(lab)})
    logins = "\n".join(f"             {login(client)}  ({client} sees only its own calls)" for client in clients)
    return f"""
{cluster.kubectl(lab, "get", "voiceprobes", "-A").rstrip()}

  Portal     {lab.portal_url}
  Password   {lab.passwords["demo"]}
  Login
{logins}

  kubectl    export KUBECONFIG={lab.admin_kubeconfig}
             kubectl get voiceprobes -A --watch
  Logs       {lab.folder / "logs"}

  {len(registry())} services are up. Ctrl-C stops them all.
"""
