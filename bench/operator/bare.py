"""The physical limit: the same writes as the operator sent, sent again by a bare loop to the same, empty Grafana."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from urllib.parse import urlsplit

from bench.operator.proxy import Request
from bench.operator.scene import restart_grafana_empty
from voice_lab.context import Lab

ATTEMPTS, PAUSE_S = 8, 0.02
KEPT_HEADERS = re.compile(rb"^(authorization|content-type|x-grafana-org-id|x-disable-provenance): *(.*)$", re.I)
_RECEIVERS = tuple(f"/grafana/api/v1/provisioning/{kind}" for kind in ("contact-points", "mute-timings", "policies"))
# What an organisation is made of comes first and in order: later requests name the numbers that Grafana gave out.
_FOUNDATION = ("/api/orgs", "/api/admin/users", "/api/datasources", "/api/folders", "/users")


def seconds(lab: Lab, writes: Sequence[Request], workers: int, orgs: Mapping[str, int]) -> float:
    """How long `workers` connections take to send `writes` to an empty Grafana, each as soon as it can.

    `orgs` are the numbers that the organisations had when the operator made them: they are made in that order again.
    """
    restart_grafana_empty(lab)
    founding = [write for write in writes if _is_foundation(write)]
    founding.sort(key=lambda write: orgs[json.loads(write.body)["name"]] if _makes_org(write) else inf)
    rest = [write for write in writes if not _is_foundation(write)]
    began = time.monotonic()
    _send(lab, founding)
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda part: _send(lab, part), [rest[n::workers] for n in range(workers)]):
            pass
    return time.monotonic() - began


def needed(writes: Sequence[Request]) -> list[Request]:
    """Those of `writes` that Ready waits for, each once: the operator tries some again that Grafana's SQLite refused.

    Receivers are no probe's: they are written when Grafana has begun alerting.
    """
    each: dict[tuple[str, str, str, bytes], Request] = {}
    for write in writes:
        each.setdefault((write.method, write.path, write.org, write.body), write)
    return [write for write in each.values() if not write.path.startswith(_RECEIVERS)]


def _makes_org(write: Request) -> bool:
    return write.method == "POST" and write.path.endswith("/api/orgs")


def _is_foundation(write: Request) -> bool:
    return urlsplit(write.path).path.endswith(_FOUNDATION)


def _send(lab: Lab, writes: Sequence[Request]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lab.ports["grafana"], timeout=60)
    for write in writes:
        for attempt in range(1, ATTEMPTS + 1):
            connection.request(write.method, write.path, body=write.body, headers=_headers(write))
            answer = connection.getresponse()
            said = answer.read()
            # SQLite refuses some of two writers; the operator tries those again too, after a pause.
            if answer.status < 500:
                break
            time.sleep(PAUSE_S * attempt)
        else:
            raise RuntimeError(
                f"Grafana answers {answer.status} to {write.method} {write.path} again and again: {said!r}"
            )
    connection.close()


def _headers(write: Request) -> dict[str, str]:
    found = (KEPT_HEADERS.match(line) for line in write.headers.split(b"\r\n"))
    return {match[1].decode(): match[2].decode() for match in found if match}
