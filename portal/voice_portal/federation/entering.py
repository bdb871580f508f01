"""Lets somebody in whom their provider vouches for, with exactly what their groups open now; or not at all."""

import hashlib
import logging
from datetime import timedelta

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from voice_portal.accounts import audit, sessions
from voice_portal.accounts.audit import What
from voice_portal.accounts.models import Membership
from voice_portal.config.providers.model import Provider
from voice_portal.federation import sealed, transactions
from voice_portal.federation.answers import Answer
from voice_portal.federation.models import Identity, UsedAnswer
from voice_portal.federation.persons import Person
from voice_portal.federation.refusals import BadAnswer, Refused
from voice_portal.federation.transactions import Transaction

log = logging.getLogger(__name__)

BACKEND = "voice_portal.federation.backends.FederatedBackend"
PARTING_KEY = "parting"
"""Of the session: what the provider must be told to end its own, sealed."""
LONGEST_USERNAME = 150
NOTHING_OPEN = (
    "Your account is known, but no client is open to you. Ask whoever runs the voice probes at your company to put you"
    " into one of the groups that may see them."
)
CLOSED = "Your account is closed here. Ask whoever runs this portal."
OPENED = "SELECT group_name FROM voice_client_access WHERE CAST(provider AS BINARY) = CAST(%s AS BINARY)"
# Longer than any answer is accepted.
KEPT = timedelta(seconds=4 * transactions.SECONDS)


def enter(request: HttpRequest, provider: Provider, answer: Answer, begun: Transaction) -> None:
    """Begin the person's session, or renew it; raises Refused, with its memberships gone, or BadAnswer."""
    person = answer.person
    is_staff = not provider.staff_groups.isdisjoint(person.groups)
    if not (is_staff or _opens_any(provider, person)):
        _close(provider, person)
        raise Refused(NOTHING_OPEN, "none of the groups opens a client", person.login)
    user = _user(provider, person)
    if not user.is_active:
        raise Refused(CLOSED, "the user is not active", person.login)
    with transaction.atomic():
        _use_once(answer)
        _update(user, provider, person, is_staff=is_staff)
    _begin_session(request, provider, user, answer, begun)


def _opens_any(provider: Provider, person: Person) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(OPENED, [provider.name])
        return any(group in person.groups for (group,) in cursor.fetchall())


def _close(provider: Provider, person: Person) -> None:
    """Whoever could see something before can no more, in no browser."""
    user = User.objects.filter(identity__provider=provider.name, identity__uid=person.uid).first()
    if user is not None:
        with transaction.atomic():
            _update(user, provider, person, is_staff=False)


def _user(provider: Provider, person: Person) -> User:
    """The user of exactly this identity, made at the first sign-in. An e-mail address leads to nobody."""
    for _ in range(2):
        found = Identity.objects.filter(provider=provider.name, uid=person.uid).select_related("user").first()
        if found is not None:
            return found.user
        try:
            with transaction.atomic():
                user = User(username=_free_username(provider, person))
                user.set_unusable_password()
                user.save()
                Identity.objects.create(user=user, provider=provider.name, uid=person.uid)
        except IntegrityError:
            continue  # two tabs at once: the other was first
        return user
    raise BadAnswer("another sign-in of the same person takes place at the same time")


def _free_username(provider: Provider, person: Person) -> str:
    """`provider/login`; if somebody has that already, as after an account was made anew, with a mark of the uid."""
    name = f"{provider.name}/{person.login}"[:LONGEST_USERNAME].rstrip()
    if not User.objects.filter(username=name).exists():
        return name
    mark = "#" + hashlib.sha256(person.uid.encode()).hexdigest()[:12]
    return name[: LONGEST_USERNAME - len(mark)] + mark


def _use_once(answer: Answer) -> None:
    now, digest = timezone.now(), hashlib.sha256(answer.once.encode()).hexdigest()
    UsedAnswer.objects.filter(at__lt=now - KEPT).delete()
    try:
        with transaction.atomic():
            UsedAnswer.objects.create(digest=digest, at=now)
    except IntegrityError as error:
        raise BadAnswer("this answer was used already") from error


def _update(user: User, provider: Provider, person: Person, *, is_staff: bool) -> None:
    """Bring the user to what the provider says now: every group that is not told is gone."""
    User.objects.select_for_update().get(pk=user.pk)  # two tabs at once: one after the other
    details = {"first_name": person.name[:150], "email": person.email[:254], "is_staff": is_staff}
    if any(getattr(user, name) != value for name, value in details.items()):
        User.objects.filter(pk=user.pk).update(**details)
    own = Membership.objects.filter(user=user)
    if set(own.values_list("provider", "group_name")) == {(provider.name, group) for group in person.groups}:
        return
    own.delete()
    rows = [Membership(user=user, provider=provider.name, group_name=group) for group in sorted(person.groups)]
    Membership.objects.bulk_create(rows, batch_size=500)


def _begin_session(request: HttpRequest, provider: Provider, user: User, answer: Answer, begun: Transaction) -> None:
    """A session with a key of its own, whatever the browser brought; one that is renewed keeps its age."""
    is_renewed = request.user.is_authenticated and request.user.pk == user.pk == begun.renews
    age = request.session.get(sessions.SIGNED_IN_KEY) if is_renewed else None
    if not is_renewed:
        request.session.flush()
    login(request, user, backend=BACKEND)
    request.session.cycle_key()
    request.session[audit.PROVIDER_KEY] = provider.name
    request.session[PARTING_KEY] = sealed.seal(answer.parting)
    if age is not None:
        request.session[sessions.SIGNED_IN_KEY] = age
        return
    log.info("signed in: %s", user.get_username())
    audit.note(request, What.SIGN_IN)
