"""Whose certificates are believed: the authority's file is read again when it changed."""

from __future__ import annotations

import ssl
from pathlib import Path

from voiceprobe_operator.errors import explain


class UnreadableAuthority(Exception):
    """The file holds no certificate now; in words."""


class Trust:
    """What verifies a server's certificate: the authority in a file, or those that the system trusts (None)."""

    def __init__(self, path: Path | None, setting: str) -> None:
        self._path, self._setting = path, setting
        self._text = b""
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | bool:
        """For a new connection; True: the system's authorities. Raises UnreadableAuthority."""
        if self._path is None:
            return True
        try:
            text = self._path.read_bytes()
            if self._context is None or text != self._text:
                self._context = ssl.create_default_context(cadata=text.decode("ascii"))
                self._text = text
        except (OSError, ValueError) as error:
            sentence = f"{self._setting} names {self._path}, which holds no certificate now: {explain(error)}"
            raise UnreadableAuthority(sentence) from error
        return self._context
