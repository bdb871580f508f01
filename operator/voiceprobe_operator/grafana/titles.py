"""What the dashboards of one folder are called.

Grafana before 11.3 keeps one dashboard of a title in a folder, without regard to case and to blanks around it. Whoever
saves another of that title writes over that one, which keeps its uid; the uid that was named is not made.
"""

from __future__ import annotations

from voiceprobe_operator.errors import Rejected

_FREE = (11, 3)


class Titles:
    """Titles by uid, and who else has one."""

    def __init__(self) -> None:
        self._by_uid: dict[str, str] = {}
        self._uids: dict[str, set[str]] = {}

    def put(self, uid: str, title: str) -> None:
        """The dashboard of `uid` is called `title` now."""
        self.drop(uid)
        self._by_uid[uid] = title
        self._uids.setdefault(_key(title), set()).add(uid)

    def drop(self, uid: str) -> None:
        """There is no dashboard of `uid`."""
        if (title := self._by_uid.pop(uid, None)) is not None:
            self._uids[_key(title)].discard(uid)

    def get(self, uid: str) -> str | None:
        """What the dashboard of `uid` is called."""
        return self._by_uid.get(uid)

    def in_the_way(self, uid: str, title: str, version: tuple[int, ...]) -> set[str]:
        """The other dashboards that Grafana of this version would write over, for they are called `title`."""
        return set() if version >= _FREE else self._uids.get(_key(title), set()) - {uid}


def taken(uid: str, title: str) -> Rejected:
    """There is another dashboard of that title, which is not ours to write over."""
    return Rejected("GrafanaRejected", f"somebody else's dashboard {uid} has the title {title!r}: rename or remove it")


def _key(title: str) -> str:
    return title.strip().lower()
