"""A probe as the plan describes it: one row of `voice_probe`, checked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from voice_sipapp.media import sdp
from voice_sipapp.media.codecs import CODECS
from voice_sipapp.plan.sipuri import SipUri, SipUriError

COLUMNS = (
    "client", "probe", "generation", "dialer_address", "dialer_outbound_proxy", "dialer_credentials", "destination",
    "receiver_address", "receiver_registrar", "receiver_credentials", "answer_after_ms", "every_ms", "schedule",
    "time_zone", "duration_ms", "dtmf", "codecs", "audio", "media_encryption", "mos_warning", "suspended",
    "confirmation", "allow_overlap", "allotted_numbers",
)  # fmt: skip
"""The columns of `voice_probe` that the SIP application reads."""

LONGEST_EVERY_MS = 2**32 - 1
"""What the column holds, 49 days: a copy of the plan that is broken could tell of times that no calendar knows."""

UNTIMED_EVERY_MS = 300_000
"""How often a row is said to be wrong whose own timing can't be read."""

Cell = str | int | float | None


class ProbeError(ValueError):
    """A row of the plan that can't be called; the text says what is wrong with it."""


@dataclass(frozen=True)
class Digits:
    """Digits that the dialer presses, the first of them `after_ms` after the answer."""

    after_ms: int
    digits: str


@dataclass(frozen=True)
class Probe:
    """One path under test. Times are in ms; exactly one of `every_ms` and `schedule` is set.

    `dialer_credentials` and `receiver_credentials` are names of credentials kept on this host. `srtp`: media is
    encrypted with keys in the SDP. `confirm`: the dialer sends the call's code as DTMF, so that the receiver knows its
    call. A call with a MOS below `mos_warning` keeps its recordings. `allotted_numbers`: those user parts of its own
    addresses that the provider allotted to its client; no other number tells whose call it is.
    """

    client: str
    probe: str
    generation: int
    dialer: SipUri
    proxy: SipUri | None
    destination: SipUri
    receiver: SipUri
    answer_after_ms: int
    every_ms: int | None
    schedule: str | None
    time_zone: str
    duration_ms: int
    codecs: tuple[str, ...]
    audio: str
    suspended: bool
    dialer_credentials: str | None = None
    registrar: SipUri | None = None
    receiver_credentials: str | None = None
    dtmf: tuple[Digits, ...] = ()
    srtp: bool = False
    confirm: bool = False
    allow_overlap: bool = False
    allotted_numbers: tuple[str, ...] = ()
    mos_warning: float = 0.0
    unsupported: str | None = None
    """A sentence about what this version can't do for the probe, or None: a call would not test what was asked for."""

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the probe: client and name."""
        return self.client, self.probe

    @property
    def last_digits_ms(self) -> int:
        """How long after the answer the last of the probe's own digits are pressed; 0 where there are none."""
        return max((step.after_ms for step in self.dtmf), default=0)


def from_row(row: Mapping[str, Cell]) -> Probe:
    """The probe of one row of the plan. Raises ProbeError where the row makes no sense."""
    try:
        return _from_row(row)
    except (SipUriError, ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise ProbeError(f"{row.get('client')}/{row.get('probe')}: {error}") from error


def undialable(row: Mapping[str, Cell], reason: str) -> Probe | None:
    """The probe of a `row` that makes no sense, for `reason`: it is never dialled, and each of its calls is a
    configuration error. None where the row does not even say whose it is.

    It keeps what can be read: its timing, if that is what makes sense, or else `UNTIMED_EVERY_MS`.
    """
    client, name = row.get("client"), row.get("probe")
    if not (isinstance(client, str) and client and isinstance(name, str) and name):
        return None
    generation = row.get("generation")
    bare = Probe(
        client=client,
        probe=name,
        generation=generation if isinstance(generation, int) else 1,
        dialer=_as_written(row.get("dialer_address")),
        proxy=None,
        destination=_as_written(row.get("destination")),
        receiver=_as_written(row.get("receiver_address")),
        answer_after_ms=0,
        every_ms=UNTIMED_EVERY_MS,
        schedule=None,
        time_zone="UTC",
        duration_ms=1,
        codecs=(),
        audio=str(row.get("audio") or ""),
        suspended=bool(row.get("suspended")),
        unsupported=f"{reason.removeprefix(f'{client}/{name}: ')}.",
    )
    try:
        timed = replace(bare, **_timing(row))
        _check_timing(timed)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return bare
    return timed


def _as_written(cell: Cell) -> SipUri:
    """An address for a record's eyes only."""
    return SipUri(text=str(cell or ""), scheme="sip", user=None, host="", port=None, transport=None)


def _timing(row: Mapping[str, Cell]) -> dict[str, Any]:
    return {
        "every_ms": None if row["every_ms"] is None else _number(row, "every_ms"),
        "schedule": None if row["schedule"] is None else _text(row, "schedule"),
        "time_zone": _text(row, "time_zone"),
    }


def _from_row(row: Mapping[str, Cell]) -> Probe:
    probe = Probe(
        client=_text(row, "client"),
        probe=_text(row, "probe"),
        generation=_number(row, "generation"),
        dialer=SipUri.parse(_text(row, "dialer_address")),
        proxy=SipUri.parse(_text(row, "dialer_outbound_proxy")) if row["dialer_outbound_proxy"] else None,
        destination=SipUri.parse(_text(row, "destination")),
        receiver=SipUri.parse(_text(row, "receiver_address")),
        answer_after_ms=_number(row, "answer_after_ms"),
        **_timing(row),
        duration_ms=_number(row, "duration_ms"),
        codecs=tuple(sdp.usable(_names(row, "codecs"))),
        audio=_text(row, "audio"),
        suspended=bool(row["suspended"]),
        dialer_credentials=_optional(row, "dialer_credentials"),
        registrar=SipUri.parse(_text(row, "receiver_registrar")) if row["receiver_registrar"] else None,
        receiver_credentials=_optional(row, "receiver_credentials"),
        dtmf=_dtmf(row),
        srtp=_text(row, "media_encryption") == "sdes",
        confirm=_text(row, "confirmation") == "dtmf",
        allow_overlap=bool(row["allow_overlap"]),
        allotted_numbers=tuple(_names(row, "allotted_numbers")),
        mos_warning=float(row["mos_warning"] or 0),
        unsupported=unsupported(row),
    )
    _check_timing(probe)
    return probe


def _check_timing(probe: Probe) -> None:
    if (probe.every_ms is None) == (probe.schedule is None):
        raise ProbeError("exactly one of every_ms and schedule must be set")
    if probe.every_ms is not None and probe.every_ms < 1000:
        raise ProbeError(f"every_ms is {probe.every_ms}, less than a second")
    if probe.every_ms is not None and probe.every_ms > LONGEST_EVERY_MS:
        raise ProbeError(f"every_ms is {probe.every_ms}, more than the column can hold")
    if probe.duration_ms <= 0:
        raise ProbeError("duration_ms must be positive")
    try:
        zone = ZoneInfo(probe.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Europe" is a folder of zones
        raise ProbeError(f"time zone {probe.time_zone!r} is not known") from error
    if probe.schedule is not None:
        # Asked for a start: a cron such as "0 0 31 2 *" is well formed and yet never comes.
        croniter(probe.schedule, datetime.now(UTC).astimezone(zone)).get_next(datetime)


def unsupported(row: Mapping[str, Cell]) -> str | None:
    """What `row` asks for that this version of the SIP application can't do, as a sentence; None if it can do all."""
    for step in _dtmf(row):
        if not re.fullmatch(r"[0-9A-Da-d*#]+", step.digits):
            return f"{step.digits!r} can't be pressed: DTMF has the digits 0-9, A-D, * and #."
    if not sdp.usable(_names(row, "codecs")):
        supported = ", ".join(sdp.usable(list(CODECS)))
        asked = ", ".join(_names(row, "codecs"))
        return f"None of the codecs {asked} is supported; supported: {supported}."
    return None


def _names(row: Mapping[str, Cell], column: str) -> list[str]:
    names = json.loads(_text(row, column))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ProbeError(f"{column} is not a list of names")
    return names


def _dtmf(row: Mapping[str, Cell]) -> tuple[Digits, ...]:
    return tuple(Digits(int(step["after_ms"]), str(step["digits"])) for step in json.loads(_text(row, "dtmf")))


def _optional(row: Mapping[str, Cell], column: str) -> str | None:
    return _text(row, column) if row[column] else None


def _text(row: Mapping[str, Cell], column: str) -> str:
    value = row[column]
    if not isinstance(value, str) or not value:
        raise ProbeError(f"{column} is empty or no text")
    return value


def _number(row: Mapping[str, Cell], column: str) -> int:
    value = row[column]
    if not isinstance(value, int):
        raise ProbeError(f"{column} is no number")
    return int(value)
