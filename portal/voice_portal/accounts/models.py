"""What the portal remembers of people beside Django's own users and sessions. No token and no password is in here."""

from django.conf import settings
from django.db import models


class SignInTally(models.Model):
    """How often one subject failed to sign in, and when it last tried.

    A subject is a keyed digest: what people type as a user name may be a password, and no name, password or address can
    be read from this table.
    """

    subject = models.CharField(max_length=96, primary_key=True)
    failures = models.PositiveIntegerField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        """Its name in the database."""

        db_table = "portal_sign_in_tally"

    def __str__(self) -> str:
        return self.subject


class Membership(models.Model):
    """One group of a person, as the provider said at the last sign-in; all of a person's are replaced at each."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    provider = models.CharField(max_length=63)
    group_name = models.CharField(max_length=255)

    class Meta:
        """Its name in the database."""

        db_table = "portal_membership"

    def __str__(self) -> str:
        return f"{self.provider}: {self.group_name}"


class BreakGlass(models.Model):
    """A local account of the staff, for when no provider can be asked; good until its time is over."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    until = models.DateTimeField()

    class Meta:
        """Its name in the database."""

        db_table = "portal_break_glass"

    def __str__(self) -> str:
        return f"{self.user} until {self.until:%Y-%m-%d %H:%M} UTC"


class AuditRecord(models.Model):
    """What somebody did, once and for all: the portal's account may add rows, and neither change nor delete them."""

    at = models.DateTimeField()
    who = models.CharField(max_length=150)
    """The user name; empty: nobody whose name was proved."""
    provider = models.CharField(max_length=63)
    """Empty: none, as with a local account."""
    address = models.CharField(max_length=45)
    what = models.CharField(max_length=32)
    client = models.CharField(max_length=63)
    """Empty: it concerns no client, or all."""
    detail = models.JSONField(default=dict)

    class Meta:
        """Its name in the database, and the way to the newest first."""

        db_table = "portal_audit"
        indexes = (
            models.Index(fields=["at"], name="portal_audit_at"),
            models.Index(fields=["client", "id"], name="portal_audit_client"),
            models.Index(fields=["who", "id"], name="portal_audit_who"),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.who} {self.what} {self.client}"
