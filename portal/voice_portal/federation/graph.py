"""The groups of somebody who has too many for a token, asked for at Microsoft Graph.

The token names an address to ask, which is not used: only the one that is set.
"""

from voice_portal.config.providers.model import Oidc
from voice_portal.federation.asking import Line
from voice_portal.federation.persons import TOO_MANY
from voice_portal.federation.refusals import Refused


def groups_of(line: Line, provider: Oidc, access_token: str) -> list[str]:
    """All groups, also those that contain others, of the token's owner; raises Refused where they are not told wholly.

    `POST /me/getMemberObjects` answers all of them at once, as their object ids (Microsoft Graph v1.0).
    """
    answer = line.ask(
        "POST",
        f"{provider.graph_url.rstrip('/')}/v1.0/me/getMemberObjects",
        headers={"Authorization": f"Bearer {access_token}"},
        json={"securityEnabledOnly": True},
    )
    try:
        told = answer.json() if answer.is_success else {}
    except ValueError:
        told = {}
    groups = told.get("value") if isinstance(told, dict) else None
    is_whole = isinstance(groups, list) and all(isinstance(one, str) and one for one in groups)
    if not is_whole or "@odata.nextLink" in told:
        reason = f"{provider.graph_url} does not tell all groups: status {answer.status_code}"
        raise Refused(TOO_MANY.format(provider=provider.display_name), reason)
    return list(groups or [])
