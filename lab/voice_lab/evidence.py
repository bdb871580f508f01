"""Reading the calls back the way a client's voice engineer does: signed in to the portal, through Grafana.

This is the lab's proof that the whole chain works: browser session, nginx, the portal's signed token, Grafana's
organisation and datasource, the client's read account and its views.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from voice_lab.context import Lab
from voice_lab.errors import LabError

TIMEOUT = httpx.Timeout(20)
EXPECTED_CALLS = 2

CALLS = """
SELECT c.client AS client, c.probe AS probe, HEX(c.uuid) AS uuid, c.disposition AS disposition,
  c.sip_code AS sip_code, f.mos_cq AS mos_forward, r.mos_cq AS mos_reverse
FROM client_call c
LEFT JOIN client_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
LEFT JOIN client_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
ORDER BY c.started_at
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Expectation:
    """What the calls of one probe must come back as."""

    client: str
    probe: str
    disposition: str

    def shown_by(self, row: Row) -> bool:
        """Tell whether a call read back is one of this probe's, ended as expected, with its MOS if it was answered."""
        scores = {row["mos_forward"] is not None, row["mos_reverse"] is not None}
        return (row["client"], row["probe"], row["disposition"], scores) == (
            self.client,
            self.probe,
            self.disposition,
            {self.disposition == "answered"},
        )

    def met_by(self, rows: Iterable[Row]) -> bool:
        """Tell whether enough of its calls have been read back."""
        return sum(map(self.shown_by, rows)) >= EXPECTED_CALLS


def sign_in(lab: Lab, login: str) -> httpx.Client:
    """Return a browser's session in the portal.

    Raises:
        LabError: the portal refuses the login.
    """
    browser = httpx.Client(base_url=lab.portal_url, timeout=TIMEOUT, follow_redirects=True)
    page = browser.get("/login/").raise_for_status().text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    form = {"username": login, "password": lab.passwords["demo"], "csrfmiddlewaretoken": token[1] if token else ""}
    answer = browser.post("/login/", data=form, headers={"Referer": lab.portal_url})
    if answer.status_code != httpx.codes.OK or answer.url.path.startswith("/login"):
        browser.close()
        raise LabError(f"the portal refuses the login {login} ({answer.status_code})")
    return browser


def query(browser: httpx.Client, sql: str) -> list[Row]:
    """Run SQL through Grafana's `/api/ds/query`, as the signed-in client's viewer; return its rows.

    Raises:
        LabError: Grafana refuses, or the query fails.
    """
    question = {"refId": "A", "datasource": {"uid": "voice-cdr"}, "rawSql": sql, "format": "table"}
    body = {"queries": [question], "from": "now-1h", "to": "now"}
    answer = browser.post("/grafana/api/ds/query", json=body)
    if answer.status_code != httpx.codes.OK:
        raise LabError(f"Grafana answers {answer.status_code} to a query: {answer.text[:300]}")
    result = answer.json()["results"]["A"]
    if error := result.get("error"):
        raise LabError(f"Grafana could not run a query: {error}")
    return [row for frame in result["frames"] for row in _rows(frame)]


def calls(browser: httpx.Client) -> list[Row]:
    """Return every call that the signed-in client may see."""
    return query(browser, CALLS)


def _rows(frame: dict[str, Any]) -> list[Row]:
    """Turn a data frame, which holds columns, into rows."""
    names = [field["name"] for field in frame["schema"]["fields"]]
    return [dict(zip(names, values, strict=True)) for values in zip(*frame["data"]["values"], strict=True)]
