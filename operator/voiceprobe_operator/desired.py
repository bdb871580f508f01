"""What should exist for a client, worked out from its VoiceClient and VoiceProbes alone. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import Dashboard, Json, overview_dashboard, probe_dashboard
from voiceprobe_operator.fingerprints import canonical, digest, keyed
from voiceprobe_operator.model import Client, Probe, Threshold
from voiceprobe_operator.settings import Settings

Value = str | int | Decimal | None
Row = dict[str, Value]


# Columns of the plan that are called as what they hold is called in a Probe.
_SAME_NAME = (
    *("display_name", "dialer_address", "dialer_outbound_proxy", "dialer_credentials", "destination"),
    *("receiver_address", "receiver_registrar", "receiver_credentials", "confirmation", "answer_after_ms"),
    *("every_ms", "schedule", "time_zone", "duration_ms", "audio", "media_encryption"),
    *("alerting_enabled", "alerting_for_ms", "suspended", "allow_overlap"),
)
WHEN_EMPTY = "whenEmpty"
_THRESHOLDS = ("mos", "loss_pct", "jitter_ms", "pdd_ms", "late_media_ms")
PLAN_COLUMNS = (
    *("client", "probe", "uid", "generation", "dtmf", "codecs", "allotted_numbers"),
    *_SAME_NAME,
    *(f"{name}_{level}" for name in _THRESHOLDS for level in ("warning", "critical")),
)


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
    dashboards = [
        overview_dashboard(client, settings.portal_url),
        *(probe_dashboard(client, probe, settings.portal_url) for probe in probes),
    ]
    account = names.account(client.name)
    return Desired(
        client=client,
        account=account,
        client_row=client_row(client),
        plan={probe.ref.name: plan_row(probe) for probe in probes if probe.rights.taken is None},
        viewer=names.viewer(client.name),
        datasource=datasource(account, settings, access, client.when_empty),
        dashboards={dashboard.uid: dashboard for dashboard in dashboards},
    )


def client_row(client: Client) -> Row:
    """The client's row of `voice_client`, without what is found out later."""
    return {
        "client": client.name,
        "display_name": client.display_name,
        "time_zone": client.time_zone,
        "account": names.account(client.name),
        "grafana_login": names.viewer(client.name),
        "access": client.access,
    }


def plan_row(probe: Probe) -> Row:
    """The probe's row of `voice_probe`, without `updated_at`, each value as the column gives it back."""
    ref = probe.ref
    row: Row = {"client": ref.namespace, "probe": ref.name, "uid": ref.uid, "generation": ref.generation}
    row |= {column: getattr(probe, column) for column in _SAME_NAME}
    row["dtmf"] = canonical([{"after_ms": step.after_ms, "digits": step.digits} for step in probe.dtmf])
    row["codecs"] = canonical(probe.codecs)
    row["allotted_numbers"] = canonical(probe.rights.allotted)
    for name in _THRESHOLDS:
        threshold: Threshold = getattr(probe, name)
        row |= {f"{name}_warning": threshold.warning, f"{name}_critical": threshold.critical}
    return row


def fingerprint(row: Row) -> bytes:
    """Short hash of a row, the same for a row to be written and for the row that the database gives back."""
    return digest([[column, _plain(row[column])] for column in sorted(row)])[:16]


def _plain(value: Value) -> str | None:
    """`value` in one spelling: true is 1, and 3000 is 3000 whether a column holds integers or decimals."""
    if isinstance(value, (int, Decimal)):
        return f"={Decimal(value).normalize():f}"
    return value


def datasource(
    account: str,
    settings: Settings,
    access: Access,
    when_empty: str = "Retain",
    *,
    uid: str = names.CLIENT_DATASOURCE_UID,
) -> Datasource:
    """The client's datasource. Its session is UTC, whatever the server's time zone is: all our times are.

    Each query gets a connection of its own. Grafana keeps none (`maxIdleConns` 0) and has no limit of its own
    (`maxOpenConns` 0): Go's database/sql hands a connection that becomes free to whoever waits for one at the limit,
    though it keeps none, and MySQL's driver resets nothing: what one query changed of its session would be the next
    one's. The account's limit (`database/limits.py`) holds instead, at which a query fails and none waits.

    `when_empty` is the VoiceClient's word on the organisation. It is kept here, where it is found again when the
    VoiceClient, the namespace and this process are gone.
    """
    details: Json = {
        "database": settings.mysql_database,
        "timezone": "+00:00",
        "maxOpenConns": 0,
        "maxIdleConns": 0,
        "connMaxLifetime": 60,
        WHEN_EMPTY: when_empty,
    }
    secret = {"password": access.password}
    if access.authority:
        details["tlsAuthWithCACert"] = True
        secret["tlsCACert"] = access.authority
    # Every viewer may read it.
    details["fingerprint"] = keyed(secret, settings.fingerprint_key)
    visible: Json = {
        "uid": uid,
        "name": "Voice calls",
        "type": "mysql",
        "access": "proxy",
        "url": settings.grafana_mysql_address,
        "user": account,
        "isDefault": True,
        "jsonData": details,
    }
    return Datasource(visible, secret)
