"""Headers that the stack does not know."""

from typing import Any

from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader


class _Text(SipGenericHF):  # type: ignore[misc]  # the stack is untyped
    """The body of a header that is sent as it was written, the header's name too."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text, name)
        self._name = name

    def getCopy(self) -> "_Text":
        """Another one like it."""
        return _Text(self.body, self._name)

    def getCanName(self, name: str, compact: bool = False) -> str:
        """The header's name."""
        return self._name


def header(name: str, text: str) -> Any:  # noqa: ANN401
    """A header that is sent as it is written here."""
    return SipHeader(name=name, body=_Text(text, name))
