"""A place in a list of calls as it stands in an address: `2026-11-30T12:00:00.123~<32 hex>`. No I/O.

In an order by value that stands first: `3.26~2026-11-30T12:00:00.123~<32 hex>`.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from voice_portal.cdr.callsearch import Key, Order

_FORM = re.compile(
    r"(?:(?P<value>\d{1,10}(?:\.\d{1,6})?)~)?(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})~(?P<uuid>[0-9a-f]{32})",
    re.ASCII,
)


def written(key: Key) -> str:
    """`key` as text for an address."""
    at = key.started_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    value = "" if key.value is None else f"{key.value.normalize():f}~"
    return f"{value}{at}~{key.uuid.hex}"


def read(text: str, order: Order) -> Key | None:
    """The key that `text` names in that order; None if it names none there."""
    found = _FORM.fullmatch(text)
    if not found or order.is_by_time is not (found["value"] is None):
        return None
    try:
        at = datetime.fromisoformat(found["at"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Key(at, UUID(hex=found["uuid"]), Decimal(found["value"]) if found["value"] else None)
