"""The tables and views of the schema as models. The SQL in `migrations/` is what makes them: docs/cdr.md explains each
column. The portal's account may only read them.
"""

from typing import ClassVar, TypeVar

from django.db import models
from django.db.models import CompositePrimaryKey

from voice_portal.cdr.fields import BinaryUUIDField

Row = TypeVar("Row", bound=models.Model)


class ClientQuerySet(models.QuerySet[Row]):
    """The door to every row that belongs to a client: views begin with `for_client`."""

    def for_client(self, client: str) -> "ClientQuerySet[Row]":
        """Only the rows of `client` (a namespace's name)."""
        return self.filter(client=client)


class Client(models.Model):
    """A tenant, as the operator published it."""

    client = models.CharField(max_length=63, primary_key=True)
    display_name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64)
    account = models.CharField(max_length=32, null=True, unique=True)
    grafana_org_id = models.BigIntegerField(null=True)
    grafana_login = models.CharField(max_length=64, null=True)
    updated_at = models.DateTimeField()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_client"

    def __str__(self) -> str:
        return self.display_name


class ProbeState(models.Model):
    """A probe with its last valid call and its health: a row of the view `voice_probe_state`."""

    pk = CompositePrimaryKey("client", "probe")
    client = models.CharField(max_length=63)
    probe = models.CharField(max_length=63)
    uid = models.CharField(max_length=36)
    display_name = models.CharField(max_length=120)
    destination = models.CharField(max_length=255)
    every_ms = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField()
    suspended = models.BooleanField()
    mos_warning = models.DecimalField(max_digits=3, decimal_places=2)
    mos_critical = models.DecimalField(max_digits=3, decimal_places=2)
    loss_pct_warning = models.DecimalField(max_digits=6, decimal_places=3)
    loss_pct_critical = models.DecimalField(max_digits=6, decimal_places=3)
    jitter_ms_warning = models.DecimalField(max_digits=9, decimal_places=3)
    jitter_ms_critical = models.DecimalField(max_digits=9, decimal_places=3)
    pdd_ms_warning = models.PositiveIntegerField()
    pdd_ms_critical = models.PositiveIntegerField()
    last_call_uuid = BinaryUUIDField(null=True)  # type: ignore[misc] # the stubs cannot say that of an own field
    last_call_at = models.DateTimeField(null=True)
    last_call_generation = models.BigIntegerField(null=True)
    disposition = models.CharField(max_length=19, null=True)
    sip_code = models.PositiveSmallIntegerField(null=True)
    sip_reason = models.CharField(max_length=255, null=True)
    pdd_ms = models.PositiveIntegerField(null=True)
    mos_forward = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    mos_reverse = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    mos = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    loss_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    jitter_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    one_way = models.BooleanField(null=True)
    silent = models.BooleanField(null=True)
    health = models.CharField(max_length=9)

    objects: ClassVar = ClientQuerySet["ProbeState"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_probe_state"

    def __str__(self) -> str:
        return f"{self.client}/{self.probe}"


class Call(models.Model):
    """One synthetic call; the columns that the pages show."""

    pk = CompositePrimaryKey("uuid", "started_at")
    uuid = BinaryUUIDField()
    started_at = models.DateTimeField()
    client = models.CharField(max_length=63)
    probe = models.CharField(max_length=63)
    disposition = models.CharField(max_length=19)
    sip_code = models.PositiveSmallIntegerField(null=True)
    sip_reason = models.CharField(max_length=255, null=True)
    pdd_ms = models.PositiveIntegerField(null=True)
    setup_ms = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField()
    valid = models.BooleanField()

    objects: ClassVar = ClientQuerySet["Call"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call"

    def __str__(self) -> str:
        return str(self.uuid)


class CallStream(models.Model):
    """The media of one direction of one call, as received; the columns that the pages show."""

    pk = CompositePrimaryKey("uuid", "direction", "started_at")
    uuid = BinaryUUIDField()
    direction = models.CharField(max_length=7)
    started_at = models.DateTimeField()
    client = models.CharField(max_length=63)
    probe = models.CharField(max_length=63)
    codec = models.CharField(max_length=16, null=True)
    loss_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    jitter_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    mos_cq = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    one_way = models.BooleanField()
    valid = models.BooleanField()

    objects: ClassVar = ClientQuerySet["CallStream"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call_stream"

    def __str__(self) -> str:
        return f"{self.uuid} {self.direction}"
