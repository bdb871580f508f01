"""What a release asks of git. Nothing here reaches another repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voice_lab import commands
from voice_lab.errors import LabError


@dataclass(frozen=True)
class Repository:
    """A clone."""

    checkout: Path

    def refuse_unfit(self) -> None:
        """See that what is here is what is committed, and that it has its history.

        Raises:
            LabError: it is not.
        """
        if self._git("rev-parse", "--is-shallow-repository").strip() == "true":
            raise LabError("this clone has no whole history, from which files get their times: git fetch --unshallow")
        if changes := self._git("status", "--porcelain").splitlines():
            raise LabError(
                f"not everything here is committed, {changes[0][3:]} for one: commit the changes or remove them first"
            )

    def refuse_unnamed(self) -> None:
        """See that git knows who commits.

        Raises:
            LabError: it does not.
        """
        try:
            self._git("var", "GIT_COMMITTER_IDENT")
        except LabError as error:
            raise LabError("git does not know who you are: git config user.name and user.email tell it") from error

    def head(self) -> str:
        """The commit that is checked out."""
        return self._git("rev-parse", "HEAD").strip()

    def seconds(self) -> int:
        """Its time, in seconds since 1970."""
        return int(self._git("log", "-1", "--format=%ct"))

    def tagged(self, tag: str) -> str:
        """The commit that a tag stands at; "" if there is no such tag."""
        names = self._git("tag", "--list", tag).split()
        return self._git("rev-list", "-1", tag).strip() if names else ""

    def commit(self, message: str, files: Sequence[str]) -> None:
        """Commit these files as they are, and nothing else."""
        self._git("commit", "--quiet", "--message", message, "--", *files)

    def tag(self, tag: str, message: str) -> None:
        """Put a tag with a message at what is checked out."""
        self._git("tag", "--annotate", "--message", message, tag)

    def _git(self, *arguments: str) -> str:
        where = ("-c", f"safe.directory={self.checkout}", "-C", self.checkout)
        return commands.run(["git", *where, *arguments], seconds=120)
