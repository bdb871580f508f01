"""Addresses of the portal's pages, as alerts, dashboards and status name them. Each names its client: it is good in any
mail, for everybody who may see that client. Nothing here does I/O.

Where a name is only known to Grafana, it may be an expression that Grafana fills in.
"""

from urllib.parse import quote


def overview(portal_url: str, client: str) -> str:
    """Of all probes of a client (its namespace). `portal_url`: without a slash at the end, here and below."""
    return f"{portal_url}/c/{quote(client, safe='')}/"


def probe(portal_url: str, client: str, name: str) -> str:
    """Of one probe. `name`: of the VoiceProbe, which needs no quoting, or an expression."""
    return f"{overview(portal_url, client)}probes/{name}/"


def call(portal_url: str, client: str, probe_name: str, uuid: str) -> str:
    """Of one call of a probe. Both names may be expressions."""
    return f"{probe(portal_url, client, probe_name)}calls/{uuid}/"


def dashboard(portal_url: str, client: str, uid: str) -> str:
    """Of a dashboard in Grafana, by its uid there (or an expression), whatever number the client has in Grafana."""
    return f"{overview(portal_url, client)}dashboards/{uid}/"
