"""A value that nobody may read along: from the environment, or from a file that is read each time it is needed.

The kubelet exchanges a mounted Secret's files in place, so a password that was changed takes effect without a restart.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
LARGEST_BYTES = 64 * 1024
FILE = "_FILE"


class UnreadableSecret(Exception):
    """A file that holds no value now; in words, with how to mend it."""


@dataclass(frozen=True)
class SecretValue:
    """One secret setting, by the name of its environment variable. Its value stays out of its repr.

    `origin` says what names the file, where it is no environment variable.
    """

    name: str
    _text: str = field(default="", repr=False)
    path: Path | None = None
    origin: str = ""
    _taken: list[str] = field(default_factory=list, repr=False, compare=False)
    _told: list[str] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, name: str, environ: Mapping[str, str]) -> "SecretValue":
        """What `environ` says of the variable `name`: itself, or its file in `name`_FILE."""
        file = environ.get(name + FILE, "")
        return cls(name, environ.get(name, ""), Path(file) if file else None)

    def read(self) -> str:
        """The value as it is now, without line ends at its end; raises UnreadableSecret."""
        if self.path is None:
            return self._text
        where = f"{self.origin or self.name + FILE} names {self.path}"
        try:
            with self.path.open("rb") as file:
                text = file.read(LARGEST_BYTES).decode().rstrip("\r\n")
        except FileNotFoundError as error:
            raise UnreadableSecret(f"{where}, which is not there: is the Secret mounted, with that key?") from error
        except OSError as error:
            raise UnreadableSecret(f"{where}, which cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UnreadableSecret(f"{where}, which is not text in UTF-8: put the value itself into it") from error
        if not text:
            raise UnreadableSecret(f"{where}, which is empty: put the value itself into it")
        return text

    def tried(self, attempt: Callable[[str], T], is_refused: Callable[[Exception], bool]) -> T:
        """What `attempt` makes of the value as it is now. If that is refused: of what its file holds by then; at last,
        also where the file holds none, of the value that was taken last, or stood there at the start.

        So nobody is kept out while a password is exchanged, be it in the Secret first or at its server.
        """
        refused: dict[str, Exception] = {}
        told: list[str] = []
        for value in self._candidates(told):
            if value in refused:
                continue
            try:
                result = attempt(value)
            except Exception as error:
                if not is_refused(error):
                    raise
                refused[value] = error
                continue
            if refused and value in self._taken:
                told.append(
                    f"{self.name}{FILE} holds a password which is refused: the one before it still works. Give the "
                    "account the new one"
                )
            self._remember(value, told)
            return result
        raise next(iter(refused.values()))

    def _candidates(self, told: list[str]) -> Iterator[str]:
        """Values to try, each when the one before it was refused: reading takes place only then. `told` gets what keeps
        the file from being read.
        """
        try:
            yield self.read()
            yield self.read()
        except UnreadableSecret as error:
            if not self._taken:
                raise
            told.append(f"{error}. The one before it is still used")
        yield from self._taken[:1]

    def _remember(self, value: str, told: list[str]) -> None:
        """`value` was taken; each trouble is logged when it begins."""
        for sentence in told:
            if sentence not in self._told:
                log.warning("%s", sentence)
        self._told[:] = told
        self._taken[:] = [value]

    def fault(self) -> str:
        """What is wrong with the setting, in words; empty: nothing."""
        if self._text and self.path:
            return f"{self.name} and {self.name}{FILE} are both set: leave one of them out"
        if not (self._text or self.path):
            return f"{self.name} is not set, nor {self.name}{FILE}, a file that holds it"
        try:
            self._taken[:] = [self.read()]
        except UnreadableSecret as error:
            return str(error)
        return ""
