"""What should exist for a client, worked out from its VoiceClient and VoiceProbes alone. Nothing here does I/O."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import Dashboard, Json, overview_dashboard, probe_dashboard
from voiceprobe_operator.model import Client, Probe
from voiceprobe_operator.settings import Settings

Value = str | int | Decimal | None
Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to read the client's calls. `authority` is the PEM of MySQL's authority, empty without TLS."""

    password: str = field(repr=False)
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Datasource:
    """Grafana's datasource: `visible` can be read back, `secret` cannot, so `visible` holds its fingerprint."""

    visible: Json
    secret: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that should exist for one client. `plan` is keyed by probe, `dashboards` by uid."""

    client: Client
    account: str
    client_row: Row
    plan: dict[str, Row]
    viewer: str
    datasource: Datasource
    dashboards: dict[str, Dashboard]


def desired(client: Client, probes: Sequence[Probe], settings: Settings, access: Access) -> Desired:
    """All that should exist for `client`, whose valid probes are `probes`."""
    dashboards = [overview_dashboard(client), *(probe_dashboard(client, probe) for probe in probes)]
    account, viewer = names.account(client.name), names.viewer(client.name)
    return Desired(
        client=client,
        account=account,
        client_row={
            "client": client.name,
            "display_name": client.display_name,
            "time_zone": client.time_zone,
            "account": account,
            "grafana_login": viewer,
        },
        plan={probe.ref.name: plan_row(probe) for probe in probes},
        viewer=viewer,
        datasource=datasource(account, settings, access),
        dashboards={dashboard.uid: dashboard for dashboard in dashboards},
    )


def plan_row(probe: Probe) -> Row:
    """The probe's row of `voice_probe`, without `updated_at`, each value as the column gives it back."""
    return {
        "client": probe.ref.namespace,
        "probe": probe.ref.name,
        "uid": probe.ref.uid,
        "generation": probe.ref.generation,
        "display_name": probe.display_name,
        "dialer_address": probe.dialer_address,
        "dialer_outbound_proxy": probe.dialer_outbound_proxy,
        "dialer_credentials": probe.dialer_credentials,
        "destination": probe.destination,
        "receiver_address": probe.receiver_address,
        "receiver_registrar": probe.receiver_registrar,
        "receiver_credentials": probe.receiver_credentials,
        "answer_after_ms": probe.answer_after_ms,
        "every_ms": probe.every_ms,
        "schedule": probe.schedule,
        "time_zone": probe.time_zone,
        "duration_ms": probe.duration_ms,
        "dtmf": canonical([{"after_ms": step.after_ms, "digits": step.digits} for step in probe.dtmf]),
        "codecs": canonical(probe.codecs),
        "audio": probe.audio,
        "media_encryption": probe.media_encryption,
        "mos_warning": probe.mos.warning,
        "mos_critical": probe.mos.critical,
        "loss_pct_warning": probe.loss_pct.warning,
        "loss_pct_critical": probe.loss_pct.critical,
        "jitter_ms_warning": probe.jitter_ms.warning,
        "jitter_ms_critical": probe.jitter_ms.critical,
        "pdd_ms_warning": probe.pdd_ms.warning,
        "pdd_ms_critical": probe.pdd_ms.critical,
        "alerting_enabled": probe.alerting_enabled,
        "alerting_for_ms": probe.alerting_for_ms,
        "suspended": probe.suspended,
        "confirmation": probe.confirmation,
        "allow_overlap": probe.allow_overlap,
    }


def canonical(value: object) -> str:
    """JSON in the one spelling in which two equal values are equal texts: MySQL gives JSON back in its own."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def datasource(account: str, settings: Settings, access: Access) -> Datasource:
    """The client's datasource. Its session is UTC, whatever the server's time zone is: all our times are."""
    details: Json = {
        "database": settings.mysql_database,
        "timezone": "+00:00",
        "maxOpenConns": 10,
        "maxIdleConns": 2,
        "connMaxLifetime": 3600,
    }
    secret = {"password": access.password}
    if access.authority:
        details["tlsAuthWithCACert"] = True
        secret["tlsCACert"] = access.authority
    # Keyed, so that a viewer who reads the fingerprint cannot try passwords against it.
    details["fingerprint"] = hmac.digest(
        settings.mysql_password.encode(), canonical(secret).encode(), hashlib.sha256
    ).hex()
    visible: Json = {
        "uid": names.DATASOURCE_UID,
        "name": "Voice calls",
        "type": "mysql",
        "access": "proxy",
        "url": settings.grafana_mysql_address,
        "user": account,
        "isDefault": True,
        "jsonData": details,
    }
    return Datasource(visible, secret)
