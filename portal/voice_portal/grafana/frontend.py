"""Whether Grafana can show a dashboard at all.

A Grafana whose web files are missing answers every page with 200 and an empty body. Only the body tells.
"""

import enum
import logging
import ssl
from datetime import datetime

import httpx
from django.conf import settings
from django.core.cache import cache

log = logging.getLogger(__name__)

CACHE_KEY = "grafana-frontend"
CACHE_SECONDS = 60
TIMEOUT_SECONDS = 3


class Frontend(enum.StrEnum):
    """What a browser would get from Grafana."""

    PRESENT = "present"
    ABSENT = "absent"
    AWAY = "away"


def detect(base_url: str, http: httpx.Client) -> Frontend:
    """Ask the Grafana at `base_url` for a page; an error or a silent server is AWAY."""
    try:
        answer = http.get(f"{base_url}/login")
    except httpx.HTTPError as error:
        log.warning("Grafana does not answer at %s: %s", base_url, error)
        return Frontend.AWAY
    if answer.status_code >= 500:
        return Frontend.AWAY
    # The pages are a program: without a script in it, a body is a stand-in's or an error's.
    return Frontend.PRESENT if answer.is_success and "<script" in answer.text else Frontend.ABSENT


def current() -> Frontend:
    """What `detect` found at most a minute ago."""
    known = cache.get(CACHE_KEY)
    if known is None:
        with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True, trust_env=False, verify=_trust()) as http:
            known = detect(settings.ENV.grafana_url, http)
        cache.set(CACHE_KEY, known, CACHE_SECONDS)
    return Frontend(known)


def _trust() -> ssl.SSLContext | bool:
    """What verifies Grafana's certificate: the authority in its file, as it is now; else those that are usual."""
    path = settings.ENV.grafana_tls_ca
    try:
        return ssl.create_default_context(cafile=str(path)) if path else True
    except OSError as error:
        log.warning("VOICE_GRAFANA_TLS_CA names %s, which holds no certificate now: %s", path, error)
        return True


OVERVIEW_UID = "voice-overview"
# Of a time that ends at "now" Grafana's pages ask the alert rules too, which the proxy keeps from viewers, and would
# complain at every refresh.
UNTIL = "now-1s"
# The portal knows the number of no organisation but the clients': of this page it knows the name.
FLEET_PATH = f"/grafana/d/voice-fleet/-?kiosk&theme=system&from=now-24h&to={UNTIL}&refresh=1m"


Times = str | tuple[datetime, datetime]
"""What a dashboard shows: a time until now, such as `6h`, or from one moment to another."""


def overview_path(org_id: int, times: Times) -> str:
    """The path, on the portal's own origin, of the dashboard of all probes in that organisation."""
    return path(OVERVIEW_UID, org_id, times)


def dashboard_path(probe_uid: str, org_id: int, times: Times) -> str:
    """The path, on the portal's own origin, of the dashboard of the VoiceProbe with that uid."""
    return path(f"vp-{probe_uid.replace('-', '')}", org_id, times)


def path(uid: str, org_id: int, times: Times) -> str:
    """The path, on the portal's own origin, of the dashboard `uid` of that organisation, over exactly `times`."""
    return f"/grafana/d/{uid}/-?orgId={org_id}&kiosk&theme=system&{_shown(times)}"


def _shown(times: Times) -> str:
    """What is past does not change, and need not be asked for again and again."""
    if isinstance(times, str):
        return f"from=now-{times}&to={UNTIL}&refresh=1m"
    start, end = (round(moment.timestamp() * 1000) for moment in times)
    return f"from={start}&to={end}"
