"""Our custom resources as the API server gives them, read into plain values. Nothing here does I/O."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from croniter import croniter
from croniter.croniter import CroniterError

from voiceprobe_operator import uris
from voiceprobe_operator.grants import access_row
from voiceprobe_operator.numbers import NO_RIGHTS, NumberRights
from voiceprobe_operator.receivers import Receiver, parse_receivers

_DURATION = re.compile(r"(?:\d{1,6}(?:ms|s|m|h)){1,4}", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
# As the CRD says it: a number in full, a range of such, an extension, or a name.
_NUMBER = re.compile(
    r"\+[1-9][0-9]{6,14}|\+[1-9][0-9]{0,13}\*|[0-9]{1,6}|[-_.!~'&=+$,?/%()0-9]*[A-Za-z][-_.!~'&=+$,?/%()0-9A-Za-z]*",
    re.ASCII,
)
DEFAULT_EVERY = "5m"


class InvalidSpecError(ValueError):
    """A spec that the CRD's rules let through and that still cannot work; the text says why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which Kubernetes object is meant. What belongs to no namespace has an empty one."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """A warning and a critical value in the unit of what they judge."""

    warning: Decimal
    critical: Decimal


@dataclass(frozen=True, slots=True)
class Digits:
    """Digits pressed `after_ms` after the answer."""

    after_ms: int
    digits: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One VoiceProbe. Times are in milliseconds, loss in percent; `created` as Kubernetes writes times.

    `rights` is what it may do by its numbers, which is not its own to say.
    """

    ref: Reference
    display_name: str
    dialer_address: str
    dialer_outbound_proxy: str | None
    dialer_credentials: str | None
    destination: str
    receiver_address: str
    receiver_registrar: str | None
    receiver_credentials: str | None
    confirmation: str
    answer_after_ms: int
    every_ms: int | None
    schedule: str | None
    time_zone: str
    duration_ms: int
    dtmf: tuple[Digits, ...]
    codecs: tuple[str, ...]
    audio: str
    media_encryption: str
    allow_overlap: bool
    mos: Threshold
    loss_pct: Threshold
    jitter_ms: Threshold
    pdd_ms: Threshold
    late_media_ms: Threshold
    alerting_enabled: bool
    alerting_for_ms: int
    suspended: bool
    created: str = ""
    rights: NumberRights = NO_RIGHTS


@dataclass(frozen=True, slots=True)
class Allotment:
    """One NumberAllotment: numbers that are a client's, as the provider says. `created` as Kubernetes writes times."""

    ref: Reference
    client: str
    numbers: tuple[str, ...]
    created: str


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is shown, who is told of its alerts, and to whom it is open. `ref` is None without a VoiceClient.

    `access` is that of `voice_client`: JSON, or None where it is open to nobody but the provider's staff.
    """

    name: str
    display_name: str
    time_zone: str = "UTC"
    ref: Reference | None = None
    when_empty: str = "Retain"
    receivers: tuple[Receiver, ...] = ()
    access: str | None = None


def reference(body: Mapping[str, Any]) -> Reference:
    """Which object `body` is."""
    meta = body["metadata"]
    return Reference(body["kind"], meta.get("namespace", ""), meta["name"], meta["uid"], meta.get("generation", 1))


def created(body: Mapping[str, Any]) -> str:
    """When an object was made: text that sorts by time."""
    return str(body["metadata"].get("creationTimestamp") or "")


def parse_allotment(body: Mapping[str, Any]) -> Allotment:
    """The NumberAllotment in `body`; raises InvalidSpecError."""
    try:
        client, numbers = body["spec"]["client"], tuple(body["spec"]["numbers"])
        wrong = [number for number in numbers if not _NUMBER.fullmatch(number)]
    except (KeyError, TypeError) as error:
        raise InvalidSpecError(f"the spec is not complete ({error}): apply it again") from error
    if wrong:
        raise InvalidSpecError(f"{wrong[0]!r} is no number such as +442071838750, +4420718387* or agent-7")
    return Allotment(reference(body), client, numbers, created(body))


def parse_client(namespace: str, body: Mapping[str, Any] | None) -> Client:
    """The client of `namespace`, with its VoiceClient if it has one; raises InvalidSpecError."""
    if body is None:
        return Client(name=namespace, display_name=namespace)
    spec = body.get("spec") or {}
    return Client(
        name=namespace,
        display_name=spec.get("displayName") or namespace,
        time_zone=time_zone(spec.get("timeZone", "UTC")),
        ref=reference(body),
        when_empty=spec.get("whenEmpty", "Retain"),
        receivers=_receivers(spec.get("receivers", ())),
        access=_access(spec),
    )


def parse_access(body: Mapping[str, Any]) -> str | None:
    """To whom the VoiceClient in `body` opens its client, whether the rest of it can work or not.

    Whom somebody has taken out must not get in because of a mistake elsewhere in the same spec. Access that cannot work
    itself opens the client to nobody.
    """
    try:
        return _access(body.get("spec") or {})
    except InvalidSpecError:
        return None


def _access(spec: Mapping[str, Any]) -> str | None:
    try:
        return access_row(spec.get("access") or ())
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidSpecError(f"access is not complete ({error}), so nobody has any: apply it again") from error
    except ValueError as error:
        raise InvalidSpecError(f"access cannot work, so nobody has any: {error}") from error


def _receivers(spec: Sequence[Mapping[str, Any]]) -> tuple[Receiver, ...]:
    try:
        return parse_receivers(spec)
    except KeyError as error:
        raise InvalidSpecError(f"a receiver is not complete (it lacks {error}): apply it again") from error
    except ValueError as error:
        raise InvalidSpecError(f"a receiver cannot work: {error}") from error


def parse_probe(body: Mapping[str, Any]) -> Probe:
    """The probe in `body`, as the API server stored it (with the CRD's defaults); raises InvalidSpecError."""
    try:
        return _probe(body)
    except (KeyError, TypeError, AttributeError) as error:
        # Only an object stored before a change of the CRD can lack what the schema demands.
        raise InvalidSpecError(f"the spec is not complete ({error}): apply it again") from error


def _probe(body: Mapping[str, Any]) -> Probe:
    ref, spec = reference(body), body["spec"]
    dialer, receiver, call = spec["dialer"], spec["receiver"], spec["call"]
    schedule = cron(call["schedule"]) if call.get("schedule") else None
    return Probe(
        ref=ref,
        display_name=spec.get("displayName") or ref.name,
        dialer_address=party(dialer["address"], "dialer.address"),
        dialer_outbound_proxy=server(dialer.get("outboundProxy"), "dialer.outboundProxy"),
        dialer_credentials=dialer.get("credentials"),
        destination=party(spec["destination"], "destination"),
        receiver_address=party(receiver["address"], "receiver.address"),
        receiver_registrar=server(receiver.get("registrar"), "receiver.registrar"),
        receiver_credentials=receiver.get("credentials"),
        confirmation=receiver["confirmation"],
        answer_after_ms=milliseconds(receiver["answerAfter"]),
        every_ms=None if schedule else milliseconds(call.get("every", DEFAULT_EVERY)),
        schedule=schedule,
        time_zone=time_zone(call["timeZone"]),
        duration_ms=milliseconds(call["duration"]),
        dtmf=tuple(Digits(milliseconds(step["after"]), step["digits"]) for step in call.get("dtmf", ())),
        codecs=tuple(call["codecs"]),
        audio=call["audio"],
        media_encryption=call["mediaEncryption"],
        allow_overlap=call["allowOverlap"],
        alerting_enabled=spec["alerting"]["enabled"],
        alerting_for_ms=milliseconds(spec["alerting"]["for"]),
        suspended=spec["suspend"],
        created=created(body),
        **_thresholds(spec["thresholds"]),
    )


def _thresholds(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "mos": _threshold(spec["mos"], places=2),
        "loss_pct": _threshold(spec["packetLossPercent"], places=3),
        "jitter_ms": _threshold(spec["jitterMilliseconds"], places=3),
        "pdd_ms": _threshold(spec["postDialDelaySeconds"], places=0, factor=1000),
        "late_media_ms": _threshold(spec["lateMediaSeconds"], places=0, factor=1000),
    }


def _threshold(spec: Mapping[str, Any], *, places: int, factor: int = 1) -> Threshold:
    # Rounded to what the plan's column holds: otherwise the plan would differ from the spec for ever.
    step = Decimal(1).scaleb(-places)
    return Threshold(*((Decimal(str(spec[k])) * factor).quantize(step, ROUND_HALF_UP) for k in ("warning", "critical")))


def milliseconds(text: str) -> int:
    """Length of a duration such as `90s` or `1m30s`; raises InvalidSpecError."""
    if not _DURATION.fullmatch(text):
        raise InvalidSpecError(f"{text!r} is not a duration such as 90s, 5m or 1m30s")
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h)", text))


def time_zone(name: str) -> str:
    """`name`, if it is a time zone; raises InvalidSpecError. CEL has no list of them, so the CRD cannot check it."""
    # A machine without a time zone database knows none: then the SIP host, which keeps the time, is the judge.
    if name != "UTC" and _time_zones() and name not in _time_zones():
        raise InvalidSpecError(f"{name!r} is not a time zone of the IANA database, such as Europe/London")
    return name


def party(text: str, field: str) -> str:
    """`text`, if it is a party's SIP address or telephone number (tel:); raises InvalidSpecError about `field`."""
    if wrong := uris.problem(text):
        raise InvalidSpecError(f"{field} is {text!r}: {wrong}")
    return text


def server(text: str | None, field: str) -> str | None:
    """`text`, if it is the SIP address of a server or None; raises InvalidSpecError about `field`."""
    if text is not None and (wrong := uris.problem(text, of_server=True)):
        raise InvalidSpecError(f"{field} is {text!r}: {wrong}")
    return text


def cron(text: str) -> str:
    """`text`, if it is a cron schedule that comes; raises InvalidSpecError. The CRD checks its letters only."""
    try:
        # Asked for a start: "0 0 31 2 *" is well formed and yet never comes.
        croniter(text, datetime.now(UTC)).get_next()
    except CroniterError as error:
        raise InvalidSpecError(f"{text!r} is not a schedule that ever comes: {error}") from error
    return text


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
