"""The months of a client, a month's report as a page, and as files."""

import logging
from collections.abc import Callable

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from voice_portal.accounts import audit
from voice_portal.accounts.audit import What
from voice_portal.accounts.clients import ClientRequest
from voice_portal.accounts.sessions import is_by_itself
from voice_portal.cdr.bounded import TooSlow
from voice_portal.probes.scope import client_of
from voice_portal.reports import csvfile, definitions, drawing, report
from voice_portal.reports.document import Document
from voice_portal.reports.drawing import Busy, NotYet
from voice_portal.reports.pdf import CONTENT_TYPE, PdfFailed, is_there, pdf
from voice_portal.reports.period import Month

log = logging.getLogger(__name__)

AGAIN_SECONDS = 10
"""After which a page that could not be shown asks again."""
SHOWN = 200
"""The longest incidents, which the page shows; all are in the file."""


@require_safe
def months_page(request: ClientRequest, **_client: str) -> HttpResponse:
    """The months that have calls, newest first."""
    client, now = client_of(request), timezone.now()
    months = report.months(client, now)
    present = Month.of(now, timezone.get_current_timezone())
    return render(request, "reports/months.html", {"months": months, "present": present, "has_pdf": is_there()})


@require_safe
def month_page(request: ClientRequest, month: Month, **_client: str) -> HttpResponse:
    """A month."""

    def drawn(document: Document) -> HttpResponse:
        return render(request, "reports/month.html", _context(document))

    return _answered(request, month, drawn, is_page=True)


@require_safe
def probes_csv(request: ClientRequest, month: Month, **_client: str) -> HttpResponse:
    """A month's probes, as a file."""
    return _answered(
        request, month, lambda document: _file(request, document, "csv", csvfile.CONTENT_TYPE, csvfile.probes(document))
    )


@require_safe
def incidents_csv(request: ClientRequest, month: Month, **_client: str) -> HttpResponse:
    """A month's incidents, as a file."""

    def written(document: Document) -> HttpResponse:
        return _file(request, document, "csv", csvfile.CONTENT_TYPE, csvfile.incidents(document), "-incidents")

    return _answered(request, month, written)


@require_safe
def month_pdf(request: ClientRequest, month: Month, **_client: str) -> HttpResponse:
    """A month, as a file to print; 404 where none can be made."""
    if not is_there():
        raise Http404
    return _answered(request, month, lambda document: _file(request, document, "pdf", CONTENT_TYPE, pdf(document)))


def _answered(
    request: ClientRequest, month: Month, answer: Callable[[Document], HttpResponse], *, is_page: bool = False
) -> HttpResponse:
    """What `answer` makes of the report, or a page that says why there is none; in place of a page, one that waits."""
    client, now = client_of(request), timezone.now()
    context: dict[str, object] = {"month": month, "again_s": AGAIN_SECONDS}
    try:
        if not report.has_calls(client, month, now):
            return render(request, "reports/none.html", context, status=404)
        document = drawing.drawn_up(client, month, now)
        if is_by_itself(request):
            return HttpResponse(headers={"HX-Refresh": "true"})  # the page that waits for it is another one
        return answer(document)
    except NotYet as error:
        context |= {"reason": "not yet", "progress": error.progress, "is_renewed": is_page}
    except Busy:
        context |= {"reason": "busy", "is_renewed": is_page}
    except TooSlow:
        log.warning("the report of %s for %s: the database is too slow", client.client, month)
        context["reason"] = "slow"
    except PdfFailed as error:
        log.warning("no PDF of %s for %s: %s", client.client, month, error)
        context["reason"] = "pdf"
    # htmx puts no error in place of what a page shows.
    response = render(request, "reports/not_now.html", context, status=200 if is_by_itself(request) else 503)
    response.headers["Retry-After"] = str(AGAIN_SECONDS)
    return response


def _context(document: Document) -> dict[str, object]:
    longest = sorted(document.incidents, key=lambda incident: incident.lasted, reverse=True)[:SHOWN]
    return {
        "document": document,
        "has_pdf": is_there(),
        "rows": [*document.rows, document.total] if len(document.rows) > 1 else list(document.rows),
        "incidents": sorted(longest, key=lambda incident: incident.begin),
        "left_out": document.total.incidents - len(longest),
        "remarks": definitions.remarks(is_so_far=document.is_so_far, has_deleted=document.has_deleted),
        "definitions": definitions.DEFINITIONS,
        "rounding": definitions.ROUNDING,
    }


def _file(
    request: ClientRequest, document: Document, kind: str, content_type: str, content: bytes, ending: str = ""
) -> HttpResponse:
    """A file to keep. Who took it is written down."""
    if request.method == "GET":
        audit.note(
            request, What.EXPORT, document.client, file=f"report{ending}.{kind}", month=str(document.month),
            rows=len(document.rows),
        )  # fmt: skip
    name = f"{document.client}-{document.month}{ending}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)
