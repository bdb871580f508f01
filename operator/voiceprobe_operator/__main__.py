"""The command line: `python -m voiceprobe_operator`."""

from __future__ import annotations

import os
import sys

import kopf

from voiceprobe_operator import logs
from voiceprobe_operator.handlers import Memo, registry
from voiceprobe_operator.settings import SettingsError, from_command_line


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped. Exit code 2: the settings lack something, which stderr names."""
    try:
        settings = from_command_line(arguments, os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(settings.log_level)
    kopf.run(
        registry=registry(),
        memo=Memo(settings),
        clusterwide=True,
        standalone=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
