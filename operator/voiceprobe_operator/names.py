"""Names of what the operator makes, all derived from the client or the probe (docs/architecture.md)."""

import hashlib

# A client's and the staff's differ: what was made for the one finds no datasource in the organisation of the other.
CLIENT_DATASOURCE_UID = "voice-client"
FLEET_DATASOURCE_UID = "voice-fleet"
# What both were called before; `Organisation.ensure_datasource` renames it.
FORMER_DATASOURCE_UID = "voice-cdr"
FOLDER_UID = "voice"
# Grafana before 11.3 refuses a dashboard whose title is a folder's in an address: no title of ours is.
FOLDER_TITLE = "Voice"
OVERVIEW_UID = "voice-overview"
FLEET_DASHBOARD_UID = "voice-fleet"
PROBE_DASHBOARD_PREFIX = "vp-"
ALERT_RULE_PREFIX = "voice-"
ALERT_GROUP = "voice"
CONTACT_POINT_PREFIX = "voice-"
# The mute timing of alerts that no receiver asked for.
SILENCE = "voice-nobody"
# What belongs to no client, but to the provider's own staff. No namespace has a space or a capital letter, a client's
# account begins with "vc_", its Secret and viewer with "voice-client-" and "client-": none of these is ever a client's.
CLIENT_ACCOUNT_PREFIX = "vc_"
FLEET = "Fleet (all clients)"
FLEET_ACCOUNT = "voice_fleet"
FLEET_SECRET = "voice-fleet"  # noqa: S105 - a name
FLEET_VIEWER = "fleet-viewer"
# What is done for the NumberAllotments, which belong to no client: no namespace's name either.
ALLOTMENTS = "Number allotments"
MANAGER = "voice-quality-operator"
# The chart makes this ClusterRole, and binds it in no namespace but those that were named to it.
RECEIVERS_ROLE = "voice-quality-receivers"
# The chart lets the operator write this one Lease.
LEASE = "voice-quality-operator"


def account(client: str) -> str:
    """Name of the client's MySQL read account, within MySQL's 32 characters whatever the client is called."""
    return f"{CLIENT_ACCOUNT_PREFIX}{hashlib.sha256(client.encode()).hexdigest()[:16]}"


def secret(client: str) -> str:
    """Name of the Secret, in the operator's namespace, that holds the read account's password."""
    return f"voice-client-{client}"


def viewer(client: str) -> str:
    """Login of the one Grafana user that sees this client's organisation."""
    return f"client-{client}"


def contact_point(receiver: str) -> str:
    """Name of the Grafana contact point of a receiver: no other in the organisation is called like it."""
    return f"voice: {receiver}"


def dashboard(uid: str) -> str:
    """Grafana uid (at most 40 characters) of the dashboard of the VoiceProbe with this Kubernetes uid."""
    return PROBE_DASHBOARD_PREFIX + uid.replace("-", "")
