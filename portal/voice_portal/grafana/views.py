"""The question nginx asks before it passes a request on to Grafana."""

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.grafana import tokens

TOKEN_HEADER = "X-JWT-Assertion"  # noqa: S105 - a header's name


@login_not_required  # nginx needs a 401, not a redirect to a login page
@never_cache
@require_safe
def authorise(request: ClientRequest) -> HttpResponse:
    """204 with the token of the session's client; 401 without a login, 403 for a user without a client.

    Nothing that the browser sends, apart from the session's cookie, has any influence on the token.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    if request.client is None:
        return HttpResponse(status=403)
    key = tokens.load_key(settings.ENV.grafana_jwt_key_file)
    token = tokens.viewer_token(request.client.client, key, datetime.now(UTC))
    return HttpResponse(status=204, headers={TOKEN_HEADER: token})
