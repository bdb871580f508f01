"""Writes statuses to the API server, and only what changed of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.kubernetes import Kubernetes
from voiceprobe_operator.model import Reference
from voiceprobe_operator.turn.status import difference

Key = tuple[str, str, str]
Make = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class StatusWriter:
    """Compares with the store, which knows each status as it was last seen: looking for changes costs no request."""

    def __init__(self, kubernetes: Kubernetes, store: Store) -> None:
        self._kubernetes, self._store = kubernetes, store
        self._turns: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def write(self, ref: Reference, make: Make) -> None:
        """Make the object's status hold what `make` makes of the status so far; raises Transient or Rejected.

        One write of an object follows the other: its conditions are one list, to which two loops contribute.
        """
        async with self._turns.setdefault((ref.kind, ref.namespace, ref.name), asyncio.Lock()):
            known = self._store.status(ref)
            patch = difference(known, make(known))
            if patch and (body := await self._kubernetes.patch_status(ref, patch)) is not None:
                self._store.wrote_status(body)
