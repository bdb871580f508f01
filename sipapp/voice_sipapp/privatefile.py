"""Files that hold a secret: read only where nobody else can read them."""

import os
import shlex
import stat
from pathlib import Path


class PrivateFileError(OSError):
    """The file can't be read, or others can read it too; the text says which one and what mends it."""


def read(path: Path, what: str) -> bytes:
    """The content of `path`, which belongs to the user of this process and has mode 0600. `what` it holds is told with
    an error: a plural, such as "the credentials". Raises PrivateFileError.
    """
    try:
        # Opened first and then looked at: nobody can put another file in its place in between.
        with path.open("rb") as file:
            _refuse_if_open_to_others(path, os.fstat(file.fileno()))
            return file.read()
    except PrivateFileError:
        raise
    except OSError as error:
        raise PrivateFileError(f"{what} in {path} can't be read: {error.strerror}") from error


def _refuse_if_open_to_others(path: Path, found: os.stat_result) -> None:
    quoted = shlex.quote(str(path))
    if not stat.S_ISREG(found.st_mode):
        raise PrivateFileError(f"{path} is no file")
    if found.st_uid != os.geteuid():
        raise PrivateFileError(
            f"{path} belongs to user {found.st_uid} and not to the one who runs this ({os.geteuid()}): "
            f"chown {os.geteuid()} {quoted} && chmod 0600 {quoted}"
        )
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise PrivateFileError(f"{path} can be read by others (mode {mode:04o}): chmod 0600 {quoted}")
