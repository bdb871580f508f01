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
    late_media_ms_warning = models.PositiveIntegerField()
    late_media_ms_critical = models.PositiveIntegerField()
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
    late_media_ms = models.PositiveIntegerField(null=True)
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
    """One synthetic call: signalling and outcome."""

    pk = CompositePrimaryKey("uuid", "started_at")
    uuid = BinaryUUIDField()
    started_at = models.DateTimeField()
    client = models.CharField(max_length=63)
    probe = models.CharField(max_length=63)
    generation = models.BigIntegerField()
    sip_host = models.CharField(max_length=63)
    request_id = models.PositiveBigIntegerField(null=True)
    call_id = models.CharField(max_length=255, null=True)
    from_uri = models.CharField(max_length=255)
    to_uri = models.CharField(max_length=255)
    local_address = models.CharField(max_length=64, null=True)
    remote_address = models.CharField(max_length=64, null=True)
    transport = models.CharField(max_length=8, null=True)
    srtp = models.BooleanField()
    progress_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField()
    disposition = models.CharField(max_length=19)
    sip_code = models.PositiveSmallIntegerField(null=True)
    sip_reason = models.CharField(max_length=255, null=True)
    q850_cause = models.PositiveSmallIntegerField(null=True)
    pdd_ms = models.PositiveIntegerField(null=True)
    ring_ms = models.PositiveIntegerField(null=True)
    setup_ms = models.PositiveIntegerField(null=True)
    first_rtp_ms = models.PositiveIntegerField(null=True)
    early_media = models.BooleanField()
    redirects = models.PositiveSmallIntegerField()
    duration_ms = models.PositiveIntegerField()
    hangup_by = models.CharField(max_length=7)
    ua_remote = models.CharField(max_length=255, null=True)
    audio = models.CharField(max_length=120)
    probe_lag_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    valid = models.BooleanField()

    objects: ClassVar = ClientQuerySet["Call"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call"

    def __str__(self) -> str:
        return str(self.uuid)


class CallStream(models.Model):
    """The media of one direction of one call, as received."""

    pk = CompositePrimaryKey("uuid", "direction", "started_at")
    uuid = BinaryUUIDField()
    direction = models.CharField(max_length=7)
    started_at = models.DateTimeField()
    client = models.CharField(max_length=63)
    probe = models.CharField(max_length=63)
    sip_host = models.CharField(max_length=63)
    codec = models.CharField(max_length=16, null=True)
    payload_type = models.PositiveSmallIntegerField(null=True)
    ptime_ms = models.PositiveSmallIntegerField(null=True)
    rtp_tx = models.PositiveIntegerField(null=True)
    rtp_rx = models.PositiveIntegerField()
    rtp_expected = models.PositiveIntegerField(null=True)
    rtp_lost = models.PositiveIntegerField(null=True)
    rtp_dup = models.PositiveIntegerField(null=True)
    rtp_out_of_order = models.PositiveIntegerField(null=True)
    rtp_discarded = models.PositiveIntegerField(null=True)
    rtp_other_source = models.PositiveIntegerField(null=True)
    loss_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    discard_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    max_loss_run = models.PositiveIntegerField(null=True)
    burst_loss_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    burst_ms = models.PositiveIntegerField(null=True)
    gap_loss_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    gap_ms = models.PositiveIntegerField(null=True)
    jitter_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    jitter_max_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    pdv_p95_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    rtt_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    rtt_max_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    remote_lost = models.IntegerField(null=True)
    remote_jitter_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    r_factor = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    mos_cq = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    mos_lq = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    mos_min = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    wideband = models.BooleanField()
    mos_lqo = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    mos_lqo_algorithm = models.CharField(max_length=32, null=True)
    active_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    longest_silence_ms = models.PositiveIntegerField(null=True)
    speech_dbov = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    noise_dbov = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    clip_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    concealed_pct = models.DecimalField(max_digits=6, decimal_places=3, null=True)
    late_media_ms = models.PositiveIntegerField(null=True)
    held_ms = models.PositiveIntegerField(null=True)
    one_way = models.BooleanField()
    silent = models.BooleanField()
    recording = models.CharField(max_length=255, null=True)
    probe_lag_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    valid = models.BooleanField()

    objects: ClassVar = ClientQuerySet["CallStream"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call_stream"

    def __str__(self) -> str:
        return f"{self.uuid} {self.direction}"


class CallInterval(models.Model):
    """One second of one direction of one call."""

    pk = CompositePrimaryKey("uuid", "direction", "second", "started_at")
    uuid = BinaryUUIDField()
    direction = models.CharField(max_length=7)
    second = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    client = models.CharField(max_length=63)
    rtp_expected = models.PositiveSmallIntegerField()
    rtp_lost = models.PositiveSmallIntegerField()
    rtp_discarded = models.PositiveSmallIntegerField()
    jitter_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    mos_cq = models.DecimalField(max_digits=4, decimal_places=3, null=True)
    level_dbov = models.DecimalField(max_digits=5, decimal_places=2, null=True)

    objects: ClassVar = ClientQuerySet["CallInterval"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call_interval"

    def __str__(self) -> str:
        return f"{self.uuid} {self.direction} {self.second}"


class CallLadder(models.Model):
    """The SIP messages of one leg of one call, as JSON (docs/cdr.md)."""

    pk = CompositePrimaryKey("uuid", "leg", "started_at")
    uuid = BinaryUUIDField()
    leg = models.CharField(max_length=8)
    started_at = models.DateTimeField()
    client = models.CharField(max_length=63)
    messages = models.TextField()

    objects: ClassVar = ClientQuerySet["CallLadder"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call_ladder"

    def __str__(self) -> str:
        return f"{self.uuid} {self.leg}"


class CallRecording(models.Model):
    """What was heard in one direction of one call, without the sound itself, which is too large to be read by accident:
    see `voice_portal.recordings.sound`.
    """

    pk = CompositePrimaryKey("uuid", "direction", "started_at")
    uuid = BinaryUUIDField()
    direction = models.CharField(max_length=7)
    started_at = models.DateTimeField()
    client = models.CharField(max_length=63)
    probe = models.CharField(max_length=63)
    sip_host = models.CharField(max_length=63)
    rate_hz = models.PositiveIntegerField()
    duration_ms = models.PositiveIntegerField()
    whole_ms = models.PositiveIntegerField()
    octets = models.PositiveIntegerField()
    sha256 = models.BinaryField(max_length=32)
    peaks = models.BinaryField(max_length=1024)

    objects: ClassVar = ClientQuerySet["CallRecording"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call_recording"

    def __str__(self) -> str:
        return f"{self.uuid} {self.direction}"


class CallRequest(models.Model):
    """A call that somebody asked for."""

    id = models.PositiveBigIntegerField(primary_key=True)
    client = models.CharField(max_length=63)
    probe = models.CharField(max_length=63)
    requested_at = models.DateTimeField()
    requested_by = models.CharField(max_length=150)
    claimed_at = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=63, null=True)
    call_uuid = BinaryUUIDField(null=True)  # type: ignore[misc] # the stubs cannot say that of an own field

    objects: ClassVar = ClientQuerySet["CallRequest"].as_manager()

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_call_request"

    def __str__(self) -> str:
        return f"{self.client}/{self.probe} {self.requested_at}"


class SipHost(models.Model):
    """The heartbeat of a SIP host. No client's: for staff only."""

    sip_host = models.CharField(max_length=63, primary_key=True)
    version = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    active_calls = models.PositiveIntegerField()
    spool_depth = models.PositiveIntegerField()
    dead_letters = models.PositiveIntegerField()
    strangers = models.PositiveIntegerField()
    calls_left_out = models.PositiveIntegerField()
    clock_offset_ms = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    parties = models.CharField(max_length=32)
    clients = models.CharField(max_length=2000)

    class Meta:
        """A table or view that migrations make by SQL."""

        managed = False
        db_table = "voice_sip_host"

    def __str__(self) -> str:
        return self.sip_host
