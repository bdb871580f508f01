"""The sound of a recording, as players ask for it."""

import re
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from voice_portal.accounts.clients import ClientRequest
from voice_portal.cdr.models import CallRecording
from voice_portal.recordings import plays, sound
from voice_portal.recordings.ranges import Span, UnsatisfiableRangeError, span_of

HEADERS = {
    "Content-Type": "audio/wav",
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    # No page from elsewhere may have it played, a neighbour's neither.
    "Cross-Origin-Resource-Policy": "same-origin",
}


@require_safe
def recording(request: ClientRequest, uuid: UUID, direction: str, **_client: str) -> HttpResponseBase:
    """What was heard in `direction` of a call of the client, or the part of it that is asked for; 404 for any other
    client's, and where there is none.
    """
    if request.client is None or (found := sound.find(request.client.client, uuid, direction)) is None:
        raise Http404
    tag = f'"{bytes(found.sha256).hex()}"'
    headers = HEADERS | {"ETag": tag, "Content-Disposition": _disposition(found, as_file="download" in request.GET)}
    try:
        span = _asked(request, tag, found.octets)
    except UnsatisfiableRangeError:
        return HttpResponse(status=416, headers=HEADERS | {"Content-Range": f"bytes */{found.octets}"})
    if span is None:
        held, status = Span(0, found.octets - 1), 200
    else:
        held, status = span, 206
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{found.octets}"
    headers["Content-Length"] = str(len(held))
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    plays.note(request, found)
    return StreamingHttpResponse(sound.octets(found, held), status=status, headers=headers)


def _asked(request: ClientRequest, tag: str, size: int) -> Span | None:
    """The part that is asked for. One of another file (If-Range, RFC 9110 section 13.1.5), and of a HEAD, is none."""
    if request.method == "HEAD" or request.headers.get("If-Range", tag) != tag:
        return None
    return span_of(request.headers.get("Range"), size)


def _disposition(found: CallRecording, *, as_file: bool) -> str:
    """How the file is called where it is kept, in letters that are safe in any header and on any disk."""
    name = f"{found.client}-{found.probe}-{found.started_at:%Y%m%dT%H%M%SZ}-{found.direction}"
    safe = re.sub(r"[^A-Za-z0-9.-]", "_", name).lstrip(".-")
    return f'{"attachment" if as_file else "inline"}; filename="{safe}.wav"'
