"""Reports that took too long for a page, kept for the pages after it; and to whom reports were mailed."""

from django.db import models


class KeptReport(models.Model):
    """The report of a client's month, or how far it is.

    Attributes:
        client, month: whose, and which, as `2026-10`.
        content: `keeping.packed`; None: there is none yet. While it is drawn up anew, the one before it.
        made_at: when that was drawn up.
        renewed_at: when whoever draws it up last said so.
        progress: how much of the records was read, in %; 100: nobody draws it up.
    """

    client = models.CharField(max_length=63)
    month = models.CharField(max_length=7)
    content = models.BinaryField(null=True)
    made_at = models.DateTimeField(null=True)
    renewed_at = models.DateTimeField(db_index=True)
    progress = models.PositiveSmallIntegerField()

    class Meta:
        """Its name in the database."""

        db_table = "portal_report"
        constraints = (models.UniqueConstraint(fields=["client", "month"], name="portal_report_of_a_month"),)

    def __str__(self) -> str:
        return f"{self.client} {self.month}"


class SentReport(models.Model):
    """To whom the report of a client's month was mailed, so that nobody gets it twice."""

    client = models.CharField(max_length=63)
    month = models.CharField(max_length=7)
    address = models.CharField(max_length=254)
    sent_at = models.DateTimeField()

    class Meta:
        """Its name in the database."""

        db_table = "portal_report_sent"
        constraints = (models.UniqueConstraint(fields=["client", "month", "address"], name="portal_report_sent_once"),)

    def __str__(self) -> str:
        return f"{self.client} {self.month} {self.address}"
