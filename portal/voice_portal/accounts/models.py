"""What the portal remembers of failed sign-ins. Users, groups and sessions are Django's own tables."""

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
