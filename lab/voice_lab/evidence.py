"""Reading the calls back the way a client's voice engineer does: signed in to the portal, through Grafana.

This is the lab's proof that the whole chain works: browser session, nginx, the portal's signed token, Grafana's
organisation and datasource, the client's read account and its views.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import portal

TIMEOUT = httpx.Timeout(20)
EXPECTED_CALLS = 2

CALLS = """
SELECT c.client AS client, c.probe AS probe, HEX(c.uuid) AS uuid, c.disposition AS disposition, c.valid AS valid,
  c.request_id AS request_id,
  c.sip_code AS sip_code, c.sip_reason AS sip_reason, f.mos_cq AS mos_forward, r.mos_cq AS mos_reverse,
  f.loss_pct AS loss_forward, r.loss_pct AS loss_reverse, f.jitter_ms AS jitter_forward, r.jitter_ms AS jitter_reverse,
  c.transport AS transport, c.srtp AS srtp, c.redirects AS redirects, c.sip_host AS dialer_host,
  f.sip_host AS receiver_host, f.codec AS codec_forward, r.codec AS codec_reverse,
  f.recording AS recording_forward, r.recording AS recording_reverse
FROM client_call c
LEFT JOIN client_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'
LEFT JOIN client_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'
ORDER BY c.started_at
"""

# The seconds of both directions and the ladders of both legs, counted for each call.
SERIES = """
SELECT HEX(i.uuid) AS uuid, CONCAT('seconds_', i.direction) AS what, COUNT(*) AS number
FROM client_call_interval i GROUP BY i.uuid, i.direction
UNION ALL
SELECT HEX(l.uuid) AS uuid, CONCAT('ladder_', l.leg) AS what, COUNT(*) AS number
FROM client_call_ladder l GROUP BY l.uuid, l.leg
"""

Row = dict[str, Any]


class _Marks:
    """What an expectation may say besides the disposition, each as a short text of a call's row."""

    @staticmethod
    def transport(row: Row) -> str:
        return str(row["transport"])

    @staticmethod
    def srtp(row: Row) -> str:
        return "yes" if row["srtp"] else "no"

    @staticmethod
    def codec(row: Row) -> str:
        return "+".join(sorted({str(row["codec_forward"]), str(row["codec_reverse"])}))

    @staticmethod
    def redirects(row: Row) -> str:
        return str(row["redirects"])

    @staticmethod
    def hosts(row: Row) -> str:
        return str(len({row["dialer_host"], row["receiver_host"]}))

    @staticmethod
    def recording(row: Row) -> str:
        return "yes" if row["recording_forward"] or row["recording_reverse"] else "no"


MARKS: dict[str, Callable[[Row], str]] = {
    name: getattr(_Marks, name) for name in ("transport", "srtp", "codec", "redirects", "hosts", "recording")
}


@dataclass(frozen=True)
class Expectation:
    """What the calls of one probe must come back as: `marks` are pairs of a mark's name and its text."""

    client: str
    probe: str
    disposition: str
    marks: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, client: str, probe: str, text: str) -> Expectation:
        """Read `text`: a disposition, then words such as `codec=opus` (`MARKS`), all of which must hold.

        Raises:
            LabError: there is no such mark.
        """
        disposition, *words = text.split()
        marks = []
        for word in words:
            name, has_text, wanted = word.partition("=")
            if name not in MARKS or not has_text:
                raise LabError(f"{client}/{probe} is expected to be {word!r}; there are {', '.join(MARKS)}")
            marks.append((name, wanted))
        return cls(client, probe, disposition, tuple(marks))

    def shown_by(self, row: Row) -> bool:
        """Tell whether a call read back is one of this probe's, ended as expected, with all that such a call leaves."""
        if (row["client"], row["probe"], row["disposition"]) != (self.client, self.probe, self.disposition):
            return False
        return _is_whole(row) and all(MARKS[name](row) == wanted for name, wanted in self.marks)

    def met_by(self, rows: Iterable[Row]) -> bool:
        """Tell whether enough of its calls have been read back."""
        return sum(map(self.shown_by, rows)) >= EXPECTED_CALLS


def _is_whole(row: Row) -> bool:
    """Tell whether a call counts, and left what calls that end like it leave.

    One that this machine itself spoilt, being busy, proves nothing. An answered one leaves a score, and a value each
    second, for both directions, and the messages of both parties. One that was refused: the dialer's messages, no
    score. One that could not be placed: the reason.
    """
    if not row["valid"]:
        return False
    heard = [row["mos_forward"], row["mos_reverse"]]
    seconds = [row.get("seconds_forward"), row.get("seconds_reverse")]
    if row["disposition"] == "answered":
        return None not in heard and all(seconds) and bool(row.get("ladder_dialer") and row.get("ladder_receiver"))
    if row["disposition"] == "configuration_error":
        return heard == [None, None] and bool(row["sip_reason"])
    return heard == [None, None] and bool(row.get("ladder_dialer"))


def sign_in(lab: Lab, login: str) -> httpx.Client:
    """Return a browser in which somebody is signed in whom `portal.add_user` made.

    Raises:
        LabError: the portal takes the session for nobody's.
    """
    browser = httpx.Client(base_url=lab.portal_url, timeout=TIMEOUT, follow_redirects=True)
    browser.cookies.set(portal.COOKIE, portal.session(lab, login), domain=browser.base_url.host)
    answer = browser.get("/")
    if answer.status_code != httpx.codes.OK or answer.url.path.startswith("/login"):
        browser.close()
        raise LabError(f"the portal does not take {login} for signed in ({answer.status_code})")
    return browser


def engineer(lab: Lab, client: str) -> httpx.Client:
    """Return a browser in which somebody is signed in who is a voice engineer of `client` alone, without a provider."""
    portal.add_user(lab, f"engineer-of-{client}", client)
    return sign_in(lab, f"engineer-of-{client}")


def call_now(browser: httpx.Client, client: str, probe: str) -> None:
    """Press the button that asks for a call of a client's `probe`.

    Raises:
        LabError: the portal refuses.
    """
    try:
        page = f"/c/{client}/probes/{probe}/"
        _post(browser, page, f"{page}call/").raise_for_status()
    except httpx.HTTPError as error:
        raise LabError(f"the portal takes no request for a call of {probe}: {error}") from error


def _post(browser: httpx.Client, page: str, target: str, **form: str) -> httpx.Response:
    """Send a form of `page` to `target`, as a browser does: with the page's token, and whence it comes."""
    text = browser.get(page).raise_for_status().text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
    form["csrfmiddlewaretoken"] = token[1] if token else ""
    return browser.post(target, data=form, headers={"Referer": str(browser.base_url)})


def query(browser: httpx.Client, sql: str) -> list[Row]:
    """Run SQL through Grafana's `/api/ds/query`, as the signed-in client's viewer; return its rows.

    Raises:
        LabError: Grafana refuses, or the query fails.
    """
    question = {"refId": "A", "datasource": {"uid": "voice-client"}, "rawSql": sql, "format": "table"}
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


def whole_calls(browser: httpx.Client) -> list[Row]:
    """Return the same, with the number of seconds and ladders that each call left."""
    rows = {row["uuid"]: row for row in calls(browser)}
    for count in query(browser, SERIES):
        if count["uuid"] in rows:
            rows[count["uuid"]][count["what"]] = count["number"]
    return list(rows.values())


def _rows(frame: dict[str, Any]) -> list[Row]:
    """Turn a data frame, which holds columns, into rows."""
    names = [field["name"] for field in frame["schema"]["fields"]]
    return [dict(zip(names, values, strict=True)) for values in zip(*frame["data"]["values"], strict=True)]
