"""social-auth-app-django's strategy, which stands between a protocol and Django, for one sign-in.

Its tables are not used: they keep a row for every sign-in that a stranger begins, and tokens where they are told to.
What a protocol has to remember is in the transaction that the browser brings.
"""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest
from social_django.strategy import DjangoStrategy

from voice_portal.federation.transactions import Transaction

if TYPE_CHECKING:
    from social_core.storage import BaseStorage


class Strategy(DjangoStrategy):
    """Of one request; `values`: what a protocol is set to, by social-core's names for it."""

    def __init__(self, request: HttpRequest, origin: str, values: Mapping[str, Any], transaction: Transaction) -> None:
        storage = SimpleNamespace(nonce=_Nonces(), association=_Associations(transaction.memory))
        super().__init__(cast("type[BaseStorage]", storage), request)
        self._origin, self._values = origin, values
        self.session = cast("Any", transaction.memory)

    def setting(self, name: str, default: Any = None, backend: object = None) -> Any:  # noqa: ANN401 - theirs
        """What is set of the protocol; nothing else is, anywhere."""
        return self._values.get(name, default)

    def authenticate(self, backend: object, **found: Any) -> Any:  # noqa: ANN401 - theirs
        """What the protocol found, as it is: who that is, and what they may do, is decided elsewhere."""
        return found["response"]

    def build_absolute_uri(self, path: str | None = None) -> str:
        """The address of a path on this portal, as browsers know it, whatever the request says of its host."""
        return self._origin + (path or "")


class _Nonces:
    """States are taken from the transaction that the browser brings, and answers are used once: see `entering`."""

    def use(self, *_: object) -> bool:
        return True

    def consume(self, *_: object) -> bool:
        return True


class _Associations:
    """The nonce of an ID token, in the transaction."""

    KEY = "nonce"

    def __init__(self, memory: dict[str, Any]) -> None:
        self._memory = memory

    def store(self, _url: str, nonce: Any) -> None:  # noqa: ANN401 - theirs
        self._memory[self.KEY] = [nonce.handle, nonce.assoc_type]

    def get(self, *, server_url: str, handle: str) -> list[Any]:
        stored, state = self._memory.get(self.KEY) or [None, None]
        found = SimpleNamespace(id=self.KEY, assoc_type=state, is_expired=_never)
        return [found] if stored == handle else []

    def remove(self, _ids: list[str]) -> None:
        self._memory.pop(self.KEY, None)


# The transaction's own age is what counts.
_never: Callable[[], bool] = lambda: False  # noqa: E731 - a value
