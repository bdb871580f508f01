"""A request within a dialog that comes once more, with something in it that was changed on the way: its answer goes
once more, too (RFC 6026, section 7.1). The stack knows those in which nothing was changed.
"""

from typing import Any

from voice_sipapp.signalling.sip.transactions import absorb


class LastRequest:
    """The far end's last request within one dialog: its branch, and its transaction, which has the answer."""

    def __init__(self) -> None:
        self._branch: str | None = None
        self._transaction: Any = None

    def came(self, request: Any, transaction: Any) -> None:  # noqa: ANN401 - the stack is untyped
        """`request` is the last one now."""
        self._branch, self._transaction = request.getHFBody("via").getBranch(), transaction

    def repeated(self, request: Any, transaction: Any, manager: Any) -> bool:  # noqa: ANN401
        """Whether `request` is the last one once more; then its answer is sent again, by `manager`."""
        before, came = self._transaction, request.getHFBody("via")
        if before is None or before.data is None:
            return False
        if (self._branch, before.method) != (came.getBranch(), request.getMethod()):
            return False
        absorb(transaction)
        manager.transmitData(transaction.userv, before.data, came.getTAddr(), transaction.checksum)
        return True
