"""Header fields: those that the stack does not know, and all as text."""

from typing import Any

from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader

from voice_sipapp.octets import readable


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


def values(message: Any, *names: str) -> tuple[str, ...]:  # noqa: ANN401
    """The values of the header fields of `message` that are called one of `names`, in lower case, as a person reads
    them.
    """
    if (whole := getattr(message, "whole", None)) is not None:
        return tuple(readable(each) for name in names for each in whole.all(name))
    return tuple(readable(str(each.body)) for name in names for each in message.getHFs(name))


def contact_values(message: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Its Contacts, one each."""
    whole = getattr(message, "whole", None)
    return tuple(readable(each) for each in whole.elements("contact")) if whole is not None else ()


def described(message: Any) -> str:  # noqa: ANN401
    """What the body of `message` says of the session; "" where it says nothing."""
    return str(message.getBody() or "")
