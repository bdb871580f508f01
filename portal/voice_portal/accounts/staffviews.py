"""Pages for the provider's own staff: who may see what, and who did what."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from voice_portal.accounts.access import OPENED, Role
from voice_portal.accounts.audit import What
from voice_portal.accounts.clients import only_staff
from voice_portal.accounts.models import AuditRecord

RECENTLY = timedelta(days=30)
MOST_PEOPLE = 500
RECORDS = 50

OPEN = "SELECT client, provider, group_name, role FROM voice_client_access ORDER BY client, provider, group_name"
OPEN_TO = f"""
SELECT member.user_id, open_to.client, MAX(open_to.role = 'engineer')
{OPENED}
WHERE member.user_id IN ({{marks}})
GROUP BY member.user_id, open_to.client
ORDER BY open_to.client
"""


@dataclass(frozen=True)
class Right:
    """What one group opens. `is_known`: whether there is a provider of that name, without which it opens nothing."""

    client: str
    provider: str
    group: str
    role: Role
    is_known: bool


@dataclass(frozen=True)
class Visitor:
    """Somebody who signed in lately, and what is open to them now."""

    name: str
    details: str
    last_at: datetime
    opened: list[tuple[str, Role]]
    is_staff: bool


@require_safe
def access(request: HttpRequest) -> HttpResponse:
    """Which groups open which client, and what that means for those who signed in lately; 403 for all but staff."""
    only_staff(request)
    providers = settings.ENV.providers.by_name
    staff = [(provider.name, group) for provider in providers.values() for group in sorted(provider.staff_groups)]
    context = {"rights": _rights(), "staff": staff, "visitors": _visitors(), "days": RECENTLY.days, "most": MOST_PEOPLE}
    return render(request, "accounts/access.html", context)


@require_safe
def audit_trail(request: HttpRequest) -> HttpResponse:
    """What people did, newest first, a page at a time; 403 for all but staff."""
    only_staff(request)
    asked = {name: request.GET.get(name, "").strip()[:150] for name in ("who", "what", "client")}
    wanted: dict[str, str] = {name: value for name, value in asked.items() if value and value.isprintable()}
    records = AuditRecord.objects.filter(**wanted).order_by("-id")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        records = records.filter(id__lt=int(before))
    page = list(records[: RECORDS + 1])
    older = urlencode({**wanted, "before": str(page[RECORDS - 1].pk)}) if len(page) > RECORDS else ""
    context = {"records": page[:RECORDS], "older": older, "asked": asked, "kinds": list(What), "is_first": not before}
    return render(request, "accounts/audit.html", context)


def _rights() -> list[Right]:
    with connection.cursor() as cursor:
        cursor.execute(OPEN)
        rows = cursor.fetchall()
    known = settings.ENV.providers.by_name
    return [Right(client, provider, group, Role(role), provider in known) for client, provider, group, role in rows]


def _visitors() -> list[Visitor]:
    recent = User.objects.filter(last_login__gte=timezone.now() - RECENTLY).order_by("-last_login")[:MOST_PEOPLE]
    users = list(recent)
    opened: dict[int, list[tuple[str, Role]]] = {}
    if users:
        with connection.cursor() as cursor:
            marks = ", ".join(["%s"] * len(users))
            cursor.execute(OPEN_TO.format(marks=marks), [user.pk for user in users])
            for pk, client, is_engineer in cursor.fetchall():
                opened.setdefault(pk, []).append((client, Role.ENGINEER if is_engineer else Role.VIEWER))
    return [_visitor(user, opened.get(user.pk, [])) for user in users]


def _visitor(user: User, opened: list[tuple[str, Role]]) -> Visitor:
    details = ", ".join(filter(None, (user.first_name, user.email)))
    assert user.last_login is not None  # noqa: S101 - chosen by it
    return Visitor(user.get_username(), details, user.last_login, opened, user.is_staff)
