"""Grafana, or the lab's stand-in for it, served under /grafana/ of the portal's origin, trusting its signed tokens."""

from __future__ import annotations

import json
import os
import sys

import httpx

from voice_lab import processes
from voice_lab.context import Lab
from voice_lab.tools import grafana as grafana_tool

REQUIRES: tuple[str, ...] = ()
PACKAGES: tuple[str, ...] = ()
NAME = "grafana"
ROW_LIMIT = 20_000
WITHOUT = (
    "Grafana is not installed here: the lab's stand-in answers in its place, "
    "and shows a preview of each dashboard's data"
)
"""What differs then, in a sentence."""


def install() -> None:
    """Find or fetch Grafana."""
    grafana_tool.install()


def is_real() -> bool:
    """Whether it is Grafana itself, and not the stand-in."""
    return grafana_tool.home() is not None


def start(lab: Lab) -> None:
    """Start the server; what an earlier start left in its folder, it still knows."""
    data = lab.folder / "grafana"
    for folder in ("datasources", "dashboards", "plugins", "notifiers", "alerting", "access-control"):
        (data / "provisioning" / folder).mkdir(parents=True, exist_ok=True)
    home = grafana_tool.home()
    stand_in = [sys.executable, "-m", "voice_lab.grafana_stand_in"]
    command = stand_in if home is None else [str(home / "bin" / "grafana"), "server", f"--homepath={home}"]
    processes.start(lab.folder, NAME, command, env=_environment(lab), cwd=data)


def healthy(lab: Lab) -> bool:
    """Tell whether it answers, and that it is Grafana or the stand-in that answers."""
    processes.check(lab.folder, NAME)
    try:
        answer = httpx.get(f"{lab.grafana_url}/api/health", timeout=5)
        return answer.status_code == httpx.codes.OK and answer.json()["database"] == "ok"
    except (httpx.HTTPError, ValueError, KeyError):
        return False


def stop(lab: Lab) -> None:
    """End the server."""
    processes.stop(lab.folder, NAME)


def forget(lab: Lab) -> None:
    """Remove all that it knows; it must be stopped. The next start finds an empty server."""
    for path in (lab.folder / "grafana").glob("*.db*"):
        path.unlink()


def administrator(lab: Lab) -> tuple[str, str]:
    """Return login and password of the server administrator."""
    return "admin", lab.passwords["grafana-admin"]


def _environment(lab: Lab) -> dict[str, str]:
    """Return its whole environment: no GF_* setting of the caller's leaks in, and nothing calls home."""
    data = lab.folder / "grafana"
    return {
        "PATH": os.defpath,
        "HOME": str(data),
        "HOSTNAME": "lab",
        "TZ": "UTC",
        "GF_PATHS_DATA": str(data),
        "GF_PATHS_LOGS": str(data / "log"),
        "GF_PATHS_PLUGINS": str(data / "plugins"),
        "GF_PATHS_PROVISIONING": str(data / "provisioning"),
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(lab.ports["grafana"]),
        "GF_SERVER_ROOT_URL": f"{lab.portal_url}/grafana/",
        "GF_SERVER_SERVE_FROM_SUB_PATH": "true",
        "GF_DATABASE_WAL": "true",
        "GF_SECURITY_ADMIN_PASSWORD": lab.passwords["grafana-admin"],
        "GF_SECURITY_ALLOW_EMBEDDING": "true",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_AUTH_SIGNOUT_REDIRECT_URL": f"{lab.portal_url}/logout/",
        "GF_AUTH_JWT_ENABLED": "true",
        "GF_AUTH_JWT_HEADER_NAME": "X-JWT-Assertion",
        "GF_AUTH_JWT_USERNAME_CLAIM": "sub",
        "GF_AUTH_JWT_JWK_SET_FILE": str(lab.folder / "pki" / "portal-jwks.json"),
        "GF_AUTH_JWT_EXPECT_CLAIMS": json.dumps({"iss": "voice-portal", "aud": "grafana"}),
        "GF_AUTH_JWT_AUTO_SIGN_UP": "false",
        # Without this, newer versions put who comes with a token into the default organisation and out of their own.
        "GF_AUTH_JWT_SKIP_ORG_ROLE_SYNC": "true",
        # Of one query's answer: no panel has a tenth of it, and all rows are in memory before the first is sent.
        "GF_DATAPROXY_ROW_LIMIT": str(ROW_LIMIT),
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        # Whoever wants to see the mail about alerts listens there, as tests do.
        "GF_SMTP_ENABLED": "true",
        "GF_SMTP_HOST": f"127.0.0.1:{lab.ports['mail']}",
        "GF_SMTP_FROM_ADDRESS": "grafana@lab.example",
        "GF_SMTP_STARTTLS_POLICY": "NoStartTLS",
        # How soon a changed receiver is used (default 60 s).
        "GF_UNIFIED_ALERTING_ALERTMANAGER_CONFIG_POLL_INTERVAL": "5s",
        "GF_LIVE_MAX_CONNECTIONS": "0",
        "GF_LOG_MODE": "console",
        "GF_LOG_LEVEL": "warn",
    }
