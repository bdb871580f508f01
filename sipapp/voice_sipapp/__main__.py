"""Command line: run the application, check its surroundings, make its sounds."""

import argparse
import logging
import os
import sqlite3
import sys
from pathlib import Path

from voice_sipapp import __version__, edge, settings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; returns the exit status: 0 good, 1 something failed, 2 unusable settings."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
    if options.command == "make-audio":
        return _make_audio(options.folder)
    if options.command == "edge-config":
        return _edge_config(options.folder)
    try:
        configured = settings.from_environment(os.environ)
    except settings.SettingsError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    return _check(configured) if options.command == "check" else _run(configured)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m voice_sipapp",
        description="Place the synthetic calls of the plan, measure how they sound, write one CDR a call.",
        epilog=settings.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="{run,check,make-audio,edge-config}")
    commands.add_parser("run", help="place calls until SIGTERM (the default)")
    commands.add_parser("check", help="try settings, database, ports, disk and credentials; one line for each")
    make_audio = commands.add_parser("make-audio", help="write speech-<language>.wav files (needs espeak-ng)")
    make_audio.add_argument("folder", type=Path, metavar="DIR")
    edge_config = commands.add_parser("edge-config", help="write kamailio's files for SIP over TCP and TLS")
    edge_config.add_argument("folder", type=Path, metavar="DIR")
    return parser


def _make_audio(folder: Path) -> int:
    from voice_sipapp import speech  # noqa: PLC0415 - numpy is not needed to print help

    try:
        paths = speech.make(folder)
    except (speech.SpeechError, OSError) as error:
        sys.stderr.write(f"make-audio: {error}\n")
        return 1
    sys.stdout.writelines(f"{path}\n" for path in paths)
    return 0


def _edge_config(folder: Path) -> int:
    try:
        plan = settings.edge_from_environment(os.environ)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in edge.files(plan, str(folder.absolute())).items():
            (folder / name).write_text(text)
            sys.stdout.write(f"{folder / name}\n")
    except settings.SettingsError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"edge-config: {error}\n")
        return 1
    return 0


def _check(configured: settings.Settings) -> int:
    from voice_sipapp import check  # noqa: PLC0415

    results = list(check.run(configured))
    sys.stdout.writelines(f"{'ok   ' if good else 'WRONG'} {line}\n" for good, line in results)
    return 0 if all(good for good, _ in results) else 1


def _run(configured: settings.Settings) -> int:
    from voice_sipapp import app, priority  # noqa: PLC0415 - the SIP stack starts threads when it is imported
    from voice_sipapp.signalling.credentials import CredentialsError  # noqa: PLC0415

    if not priority.run_ahead_of_others():
        logging.getLogger("voice_sipapp").warning(
            "no real-time scheduling: a busy host may spoil measurements, which will be marked as not valid"
        )
    try:
        application = app.Application(configured)
    except (OSError, sqlite3.Error, CredentialsError) as error:
        sys.stderr.write(f"can't start: {error}; `python -m voice_sipapp check` tells more\n")
        return 1
    return 0 if application.run() else 1


if __name__ == "__main__":
    sys.exit(main())
