"""All objects as last seen, by events and by complete lists. Nothing here does I/O.

A watch may break and miss an end, and a list is as old as its first page. So a list replaces everything, and what
events told while it was under way is told once more on top of it: no ghost stays, and no end is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from voiceprobe_operator.declared.claims import Claims
from voiceprobe_operator.declared.objects import Declared, Spec, declared, spec
from voiceprobe_operator.model import Allotment, Probe, Reference, reference

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One object. The status is kept as the text of its JSON: a fifth of the memory, and it is rarely asked for."""

    spec: Spec
    version: int
    status: bytes

    @property
    def ref(self) -> Reference:
        """Which object it is."""
        return self.spec.ref


@dataclass(frozen=True, slots=True)
class _End:
    """That an object was deleted, as an event told."""

    ref: Reference
    version: int


class _Objects:
    """Objects by namespace, kind and name."""

    def __init__(self) -> None:
        self.of: dict[str, dict[Key, Seen]] = {}

    def get(self, ref: Reference) -> Seen | None:
        return self.of.get(ref.namespace, {}).get((ref.kind, ref.name))

    def put(self, seen: Seen) -> bool:
        """Whether this is news of the object, and not only of its status."""
        before = self.get(seen.ref)
        if before is not None and before.version > seen.version:
            return False
        self.of.setdefault(seen.ref.namespace, {})[seen.ref.kind, seen.ref.name] = seen
        return before is None or before.ref != seen.ref

    def all(self) -> Iterator[Seen]:
        for mine in self.of.values():
            yield from mine.values()

    def references(self) -> list[Reference]:
        return [seen.ref for seen in self.all()]

    def end(self, end: _End) -> bool:
        """Whether an object went by it; another of the same name that is younger does not."""
        before = self.get(end.ref)
        if before is None or (before.ref.uid != end.ref.uid and before.version >= end.version):
            return False
        mine = self.of[end.ref.namespace]
        del mine[end.ref.kind, end.ref.name]
        if not mine:
            del self.of[end.ref.namespace]
        return True


class Listing:
    """A complete list that is being made."""

    def __init__(self, known: _Objects) -> None:
        self._known = known
        self.objects = _Objects()
        self.news: list[Seen | _End] = []

    def add(self, body: Mapping[str, Any]) -> None:
        """One object of the list."""
        self.objects.put(_seen(body, self._known))


class Store:
    """All our objects of the cluster as last seen. NumberAllotments are in no namespace: theirs is empty."""

    def __init__(self) -> None:
        self._objects = _Objects()
        self._listing: Listing | None = None
        self._ended: set[tuple[str, str]] = set()
        self.claims = Claims()

    def notice(self, body: Mapping[str, Any], *, deleted: bool) -> bool:
        """Take in an event; whether it makes work: a new spec, a new object or an end does, a new status does not."""
        news = _End(reference(body), _version(body)) if deleted else _seen(body, self._objects)
        if self._listing is not None:
            self._listing.news.append(news)
        return self._take(news)

    def _take(self, news: Seen | _End) -> bool:
        name = (news.ref.namespace, news.ref.name)
        if isinstance(news, Seen):
            self._ended.discard(name)
            is_news = self._objects.put(news)
            if is_news:
                self._claim(news.spec)
            return is_news
        gone = self._objects.end(news)
        if gone:
            self._unclaim(news.ref)
        if gone and news.ref.kind == "VoiceProbe":
            self._ended.add(name)
        return gone

    @contextmanager
    def listing(self) -> Iterator[Listing]:
        """Replace everything by a list, unless it breaks off: then all stays as it is.

        >>> with store.listing() as listing:
        ...     listing.add(body)
        """
        listing = self._listing = Listing(self._objects)
        try:
            yield listing
        finally:
            self._listing = None
        before, self._objects = self._objects, listing.objects
        for ref in before.references():
            if self._objects.get(ref) is None:
                self._unclaim(ref)
        for seen in self._objects.all():
            self._claim(seen.spec)
        for news in listing.news:
            self._take(news)

    def _claim(self, one: Spec) -> None:
        # One whose spec cannot work keeps what it had: so does the plan.
        if isinstance(one.value, Probe):
            self.claims.put_probe(one.value)
        elif isinstance(one.value, Allotment):
            self.claims.put_allotment(one.value)

    def _unclaim(self, ref: Reference) -> None:
        if ref.kind == "VoiceProbe":
            self.claims.drop_probe((ref.namespace, ref.name))
        elif ref.kind == "NumberAllotment":
            self.claims.drop_allotment(ref.name)

    def clients(self) -> set[str]:
        """The namespaces in which something is declared."""
        return set(self._objects.of) - {""}

    def probes(self) -> set[tuple[str, str]]:
        """(client, probe) of all that are declared, whether their specs can work or not."""
        return {
            (namespace, name)
            for namespace, mine in self._objects.of.items()
            for kind, name in mine
            if kind == "VoiceProbe"
        }

    def ended(self) -> set[tuple[str, str]]:
        """(client, probe) of those whose end was told by an event, and not only missed in a list."""
        return set(self._ended)

    def forget_ended(self, in_plan: set[tuple[str, str]]) -> None:
        """Let go of the ends whose probes are out of the plan: their work is done."""
        self._ended &= in_plan

    def declared(self, namespace: str) -> Declared:
        """What stands in `namespace`."""
        specs = (seen.spec for seen in self._objects.of.get(namespace, {}).values())
        return declared(namespace, specs, lambda ref: self.claims.rights((ref.namespace, ref.name)))

    def allotments(self) -> list[Spec]:
        """Every NumberAllotment, whether its spec can work or not."""
        return [seen.spec for seen in self._objects.of.get("", {}).values()]

    def probe(self, namespace: str, name: str) -> Reference | None:
        """The VoiceProbe of that name, if there is one."""
        found = self._objects.of.get(namespace, {}).get(("VoiceProbe", name))
        return found.ref if found else None

    def status(self, ref: Reference) -> dict[str, Any]:
        """The object's status as last seen or written; empty if it has none."""
        found = self._objects.get(ref)
        return json.loads(found.status) if found else {}

    def wrote_status(self, body: Mapping[str, Any]) -> None:
        """Take in the object as the API server has it after a status was written."""
        ref = reference(body)
        known = self._objects.get(ref)
        if known is None or known.ref != ref:
            return  # It went or got a new spec meanwhile, of which an event tells.
        news = _seen(body, self._objects)
        if self._listing is not None:
            self._listing.news.append(news)
        self._objects.put(news)


def _seen(body: Mapping[str, Any], known: _Objects) -> Seen:
    ref = reference(body)
    before = known.get(ref)
    read = before.spec if before is not None and before.ref == ref else spec(body)
    return Seen(read, _version(body), json.dumps(body.get("status") or {}, separators=(",", ":")).encode())


def _version(body: Mapping[str, Any]) -> int:
    """The object's place in the order of all changes; 0 if this API server's versions are no numbers."""
    text = str(body["metadata"].get("resourceVersion", ""))
    return int(text) if text.isascii() and text.isdigit() else 0
