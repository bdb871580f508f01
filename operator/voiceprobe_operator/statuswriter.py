"""Writes statuses to the API server, and only what changed of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.kubernetes import Kubernetes
from voiceprobe_operator.model import Reference, reference
from voiceprobe_operator.status import difference, merged

Key = tuple[str, str, str]


class StatusWriter:
    """Remembers each object's status as it was last listed or written, so that looking for changes costs no request."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes
        self._known: dict[Key, tuple[Reference, Json]] = {}
        self._turns: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    def remember(self, bodies: Iterable[Mapping[str, Any]], namespace: str | None = None) -> None:
        """Take a complete list (of `namespace`, or of all) as the truth: what it lacks is gone."""
        fresh = {_key(ref := reference(body)): (ref, body.get("status") or {}) for body in bodies}
        kept = {key: value for key, value in self._known.items() if namespace is not None and key[1] != namespace}
        self._known = kept | fresh

    def known(self, ref: Reference) -> Mapping[str, Any]:
        """The object's status as last seen."""
        return self._known.get(_key(ref), (ref, {}))[1]

    def probe(self, namespace: str, name: str) -> Reference | None:
        """The VoiceProbe of that name, if one was seen."""
        found = self._known.get(("VoiceProbe", namespace, name))
        return found[0] if found else None

    async def write(self, ref: Reference, make: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Make the object's status hold what `make` makes of the status so far; raises Transient or Rejected.

        One write of an object follows the other: its conditions are one list, to which two loops contribute.
        """
        async with self._turns.setdefault(_key(ref), asyncio.Lock()):
            patch = difference(self.known(ref), make(self.known(ref)))
            if not patch:
                return
            await self._kubernetes.patch_status(ref, patch)
            if _key(ref) in self._known:
                self._known[_key(ref)] = (ref, merged(self.known(ref), patch))


def _key(ref: Reference) -> Key:
    return (ref.kind, ref.namespace, ref.name)
