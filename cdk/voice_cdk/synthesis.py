"""From a configuration file to a folder of templates, or to sentences that say why there is none."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

from voice_cdk.config import ConfigError, load

if TYPE_CHECKING:
    from voice_cdk.config.model import Config

FOLDER = Path(__file__).resolve().parents[1]
EXAMPLE = FOLDER / "config" / "example.toml"
OUTPUT = FOLDER.parent / "build" / "cdk.out"
REPORT = "validation-report.json"
ASSEMBLY = "cdk.out"
"""The file by which AWS CDK knows a folder that it has written."""

WRONG_CONFIGURATION = 2
WRONG_TEMPLATES = 1


def main(arguments: list[str]) -> int:
    """Synthesise a configuration into a folder: `[CONFIG [OUTPUT]]`; return the exit code."""
    context = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    source = Path(arguments[0] if arguments else context.get("config", EXAMPLE))
    output = Path(arguments[1] if len(arguments) > 1 else os.environ.get("CDK_OUTDIR", OUTPUT))
    try:
        config = load(source)
    except ConfigError as error:
        for fault in error.faults:
            _say(f"{source}: {fault}")
        return WRONG_CONFIGURATION
    sentence = _refused(output) or synthesise(config, output)
    if sentence is None:
        made = len(list(output.rglob("*.template.json")))
        _say(f"{output}: the {made} templates of {config.name}; next, cdk/check-templates {output}")
        return 0
    _say(sentence)
    return WRONG_TEMPLATES


def _refused(output: Path) -> str | None:
    """Why nothing is written into a folder, which would be emptied first; None if nothing is lost by that."""
    if not output.exists() or (output / ASSEMBLY).is_file() or (output.is_dir() and not any(output.iterdir())):
        return None
    return f"{output}: holds what no synthesis wrote; name a folder that is not there yet, or an earlier synthesis's"


def synthesise(config: Config, output: Path) -> str | None:
    """Write the templates of `config` into `output`; return why they are not fit to be deployed, None if they are."""
    shutil.rmtree(output, ignore_errors=True)
    try:
        _make_writable(output)
        sentence = _synthesise(config, output)
    except OSError as error:
        return f"{output}: can't be written ({error.strerror}); name another folder"
    if sentence:
        shutil.rmtree(output, ignore_errors=True)  # nobody shall deploy it
    return sentence


def _make_writable(output: Path) -> None:
    """Make the folder before Node starts: where it fails to make one, it may wait for ever instead of saying so."""
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=output):
        pass


def _synthesise(config: Config, output: Path) -> str | None:
    from voice_cdk.stacks.app import build  # noqa: PLC0415 - it starts Node, which a wrong file needn't wait for

    try:
        build(config, output, _context()).synth()
    except RuntimeError as error:
        if not (output / REPORT).exists():
            return f"The templates cannot be made: {str(error).partition(chr(10))[0]}"
    findings = [f"{one.construct}: {one.description} ({one.rule})" for one in violations(output)]
    if not findings:
        return None
    return "\n".join(["The templates are not fit to be deployed:", *findings])


def _context() -> dict[str, Any]:
    """What the CDK's command would hand over, for when it is not there."""
    context: dict[str, Any] = json.loads((FOLDER / "cdk.json").read_text(encoding="utf-8"))["context"]
    return context


class Violation(NamedTuple):
    """What validation says: by which rule, of which construct (its path), and the rule's sentence."""

    rule: str
    construct: str
    description: str


def violations(output: Path) -> Iterator[Violation]:
    """All of a synthesis's that nobody acknowledged, whatever their severity; none if it wrote no report of them."""
    report = output / REPORT
    if not report.exists():
        return
    for plugin in json.loads(report.read_text(encoding="utf-8"))["pluginReports"]:
        for one in plugin["violations"]:
            for construct in one["violatingConstructs"]:
                yield Violation(one["ruleName"], construct["constructPath"], one["description"])


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
