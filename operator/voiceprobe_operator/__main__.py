"""The command line: `python -m voiceprobe_operator`."""

from __future__ import annotations

import argparse
import logging
import os
import sys

import kopf

from voiceprobe_operator.handlers import Memo, registry
from voiceprobe_operator.settings import Settings, SettingsError, usage


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped. Exit code 2: the environment lacks something, which stderr names."""
    parser = argparse.ArgumentParser(
        prog="python -m voiceprobe_operator",
        description="Turns VoiceProbes into a call plan, Grafana objects and statuses.",
        epilog=usage(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    kopf.configure(log_format=kopf.LogFormat.JSON)
    # httpx tells every request at INFO; the answers that matter are told by us.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # kopf tells of every handler that succeeded, which here means only that an object was heard of.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    kopf.run(
        registry=registry(),
        memo=Memo(settings),
        clusterwide=True,
        standalone=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
