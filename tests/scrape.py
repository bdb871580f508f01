"""Scraping a SIP host as Prometheus does."""

import contextlib
import http.client

from prometheus_client.parser import text_string_to_metric_families


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Each sample of an exposition: its name and the values of its labels. As promtool does, refuses what breaks the
    format or the conventions: families that come twice or in parts, no help, no type, units that are not the base ones.
    """
    found: dict[tuple[str, ...], float] = {}
    names = set()
    for family in text_string_to_metric_families(text):
        assert family.name not in names, f"{family.name} comes twice"
        names.add(family.name)
        assert family.documentation, f"{family.name} says not what it is"
        assert family.type != "unknown", f"{family.name} has no type"
        assert family.name.startswith(("voice_sip_", "process_")), family.name
        assert not family.name.endswith(("_ms", "_milliseconds", "_count", "_bucket", "_info_total")), family.name
        assert (family.type == "counter") == any(s.name.endswith("_total") for s in family.samples), family.name
        for sample in family.samples:
            key = (sample.name, *sample.labels.values())
            assert key not in found, f"{key} comes twice"
            found[key] = sample.value
    return found


def ask(address: str, port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, str, str]:
    """Status, type and body of what `method` `path` gets."""
    with contextlib.closing(http.client.HTTPConnection(address, port, timeout=5)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
