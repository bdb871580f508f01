"""The question nginx asks before it passes a request on to Grafana, and the ways to a dashboard and to the login."""

import uuid
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest, may_see_fleet
from voice_portal.cdr.models import ProbeState
from voice_portal.grafana import frontend, tokens
from voice_portal.grafana.frontend import Frontend
from voice_portal.grafana.organisations import viewer_of

TOKEN_HEADER = "X-JWT-Assertion"  # noqa: S105 - a header's name
# nginx's: path and query as they were asked for.
URI_HEADER = "X-Original-URI"
# Grafana's pages send it with each question (its `backend_srv`).
ORG_HEADER = "X-Grafana-Org-Id"

DASHBOARD_SPAN = "6h"
# Longer addresses do not fit into another one, which gunicorn reads up to 4094 characters of.
LONGEST_RETURN = 2000
NO_PAGES = ("/grafana/api/", "/grafana/public/")


@login_not_required  # nginx needs a 401, not a redirect to a login page
@never_cache
@require_safe
def authorise(request: ClientRequest) -> HttpResponse:
    """204 with the token of the viewer that nginx's request is for; 401 without a login, 403 if it is for none.

    What the browser sends, apart from the session's cookie, chooses among the clients that the user may see and nothing
    else: `voice_portal.grafana.organisations`.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    uri, header = (request.headers.get(name, "") for name in (URI_HEADER, ORG_HEADER))
    own = {client.client: client.grafana_org_id for client in request.clients}
    viewer = viewer_of(uri, header, own, is_staff=may_see_fleet(request.user))
    if viewer is None:
        return HttpResponse(status=403)
    key, now = tokens.current_key(settings.ENV.grafana_jwt_key_file), datetime.now(UTC)
    token = tokens.fleet_token(key, now) if viewer.client is None else tokens.viewer_token(viewer.client, key, now)
    return HttpResponse(status=204, headers={TOKEN_HEADER: token})


@never_cache
@require_safe
def dashboard(request: ClientRequest, uid: str, **_client: str) -> HttpResponse:
    """To a dashboard of the client's in Grafana: an address that stays good, whatever Grafana numbers the client.

    Where there is no Grafana to show it, to the portal's own page of the same; 404 for a probe that there is not.
    """
    client = request.client
    if client is None:
        raise Http404
    if client.grafana_org_id and frontend.current() is Frontend.PRESENT:
        return redirect(frontend.path(uid, client.grafana_org_id, DASHBOARD_SPAN))
    if uid == frontend.OVERVIEW_UID:
        return redirect("probes:trends", client.client)
    state = ProbeState.objects.for_client(client.client).filter(uid=uuid.UUID(uid.removeprefix("vp-"))).first()
    if state is None:
        raise Http404
    return redirect("probes:probe", client.client, state.probe)


@login_not_required
@never_cache
@require_safe
def sign_in(request: HttpRequest) -> HttpResponse:
    """To the login, and from there to the page of Grafana that nginx says was asked for.

    The header decides nothing but where a browser goes after its own login, and only within Grafana.
    """
    asked = request.headers.get(URI_HEADER, "")
    login = reverse("accounts:login")
    is_page = asked.startswith("/grafana/") and not asked.startswith(NO_PAGES)
    if not is_page or len(asked) > LONGEST_RETURN:
        return redirect(login)
    return redirect(f"{login}?{urlencode({'next': asked})}")
