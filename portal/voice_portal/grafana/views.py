"""The question nginx asks before it passes a request on to Grafana, and where it sends those who must log in first."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr.models import Client
from voice_portal.grafana import tokens

TOKEN_HEADER = "X-JWT-Assertion"  # noqa: S105 - a header's name
# Grafana's pages send it with each question (its `backend_srv`).
ORG_HEADER = "X-Grafana-Org-Id"

# Longer addresses do not fit into another one, which gunicorn reads up to 4094 characters of.
LONGEST_RETURN = 2000
NO_PAGES = ("/grafana/api/", "/grafana/public/")


@login_not_required  # nginx needs a 401, not a redirect to a login page
@never_cache
@require_safe
def authorise(request: ClientRequest) -> HttpResponse:
    """204 with the token of the session's client, or of all to staff; 401 without a login, 403 without a client.

    Nothing that the browser sends, apart from the session's cookie, has any influence on the token. 403 also for a page
    of Grafana's that says it was opened in another client's organisation: one that is open since before the switch to
    this client would show its figures under the other's name, for all clients' datasources have one uid.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    client = request.client
    if (client is None and not request.fleet) or not _may_ask(request.headers.get(ORG_HEADER, ""), client):
        return HttpResponse(status=403)
    key, now = tokens.current_key(settings.ENV.grafana_jwt_key_file), datetime.now(UTC)
    token = tokens.fleet_token(key, now) if client is None else tokens.viewer_token(client.client, key, now)
    return HttpResponse(status=204, headers={TOKEN_HEADER: token})


def _may_ask(org: str, client: Client | None) -> bool:
    """Whether a page that was opened in the organisation `org` may ask for this client; for all, whose datasource has
    another uid, any may.
    """
    return not org or client is None or client.grafana_org_id is None or org == str(client.grafana_org_id)


@login_not_required
@never_cache
@require_safe
def sign_in(request: HttpRequest) -> HttpResponse:
    """To the login, and from there to the page of Grafana that nginx says was asked for.

    The header decides nothing but where a browser goes after its own login, and only within Grafana.
    """
    asked = request.headers.get("X-Original-URI", "")
    login = reverse("accounts:login")
    is_page = asked.startswith("/grafana/") and not asked.startswith(NO_PAGES)
    if not is_page or len(asked) > LONGEST_RETURN:
        return redirect(login)
    return redirect(f"{login}?{urlencode({'next': asked})}")
