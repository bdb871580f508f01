"""Whether Grafana can show a dashboard at all.

A Grafana whose web files are missing answers every page with 200 and an empty body. Only the body tells.
"""

import enum
import logging
import ssl

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
# Its viewer belongs to one organisation, so the address needs to name none.
FLEET_PATH = f"/grafana/d/voice-fleet/-?kiosk&theme=system&from=now-24h&to={UNTIL}&refresh=1m"


def overview_path(org_id: int, span: str) -> str:
    """The path, on the portal's own origin, of the dashboard of all probes in that organisation; span: such as 6h."""
    return _path(OVERVIEW_UID, org_id, span)


def dashboard_path(probe_uid: str, org_id: int, span: str) -> str:
    """The path, on the portal's own origin, of the dashboard of the VoiceProbe with that uid; span: such as 6h."""
    return _path(f"vp-{probe_uid.replace('-', '')}", org_id, span)


def _path(uid: str, org_id: int, span: str) -> str:
    return f"/grafana/d/{uid}/-?orgId={org_id}&kiosk&theme=system&from=now-{span}&to={UNTIL}&refresh=1m"
