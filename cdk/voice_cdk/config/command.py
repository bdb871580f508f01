"""`cdk/check-config FILE`: what the file would build, or everything that is wrong with it."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from voice_cdk.config.faults import ConfigError, shown
from voice_cdk.config.loading import load
from voice_cdk.config.summary import summary

FAULTY = 2
"""What the command ends with if the file is not right, or none was named."""
MOST_LINES = 100
"""More faults than these nobody reads at once."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge a file; return 0 if it is right, else 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of the file may have letters that a terminal lacks
    parser = argparse.ArgumentParser(
        prog="check-config",
        description="Judge the configuration of a platform: print what it would build, or all that is wrong with it.",
    )
    parser.add_argument("file", help="a file of TOML, such as cdk/config/example.toml")
    file = parser.parse_args(arguments).file
    try:
        config = load(Path(file))
    except ConfigError as error:
        _say(told(file, error), sys.stderr)
        return FAULTY
    _say(summary(config), sys.stdout)
    return 0


def told(file: str, error: ConfigError) -> str:
    """Return the faults of a file as lines, each with the file's name."""
    name = file if file and file.isprintable() else shown(file)
    lines = [f"{name}: {fault}" for fault in error.faults[:MOST_LINES]]
    if len(error.faults) > MOST_LINES:
        lines.append(f"{name}: and {len(error.faults) - MOST_LINES} faults more")
    return "\n".join(lines)


def _say(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:  # whoever read has gone, as `head` does: nor shall Python complain when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
