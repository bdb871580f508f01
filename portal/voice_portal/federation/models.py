"""What is kept of a sign-in with a provider: whose it was, and that it was used. Tokens are not."""

from django.conf import settings
from django.db import models


class Identity(models.Model):
    """Somebody at one provider. `uid` is what the provider never gives to anybody else; an e-mail address is not."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    provider = models.CharField(max_length=63)
    uid = models.CharField(max_length=255)

    class Meta:
        """Its name in the database; nobody is there twice."""

        db_table = "portal_identity"
        constraints = (models.UniqueConstraint(fields=["provider", "uid"], name="portal_identity_uid"),)

    def __str__(self) -> str:
        return f"{self.provider}: {self.uid}"


class UsedAnswer(models.Model):
    """A provider's answer that somebody was let in by: it is good once. Kept until it would be too old anyway."""

    digest = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        """Its name in the database."""

        db_table = "portal_used_answer"

    def __str__(self) -> str:
        return self.digest
