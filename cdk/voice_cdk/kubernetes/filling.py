"""`cdk/fill-manifests OUTPUTS FROM INTO`: put outputs of stacks into what was written for the cluster.

It needs Python's standard library alone. OUTPUTS is what `cdk deploy --outputs-file OUTPUTS` writes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

WRONG = 2
"""What the command ends with if something cannot be filled in."""

_WHICH = "name what `cdk deploy --outputs-file FILE` wrote"
_AGAIN = "`make synth` writes it anew"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9-]+)\.([A-Za-z0-9]+)\}")

Outputs = Mapping[str, Mapping[str, str]]
"""By stack and name."""


class FillError(Exception):
    """Something cannot be filled in; `sentences` say what, and what to do."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = tuple(sentences)


def fill(text: str, outputs: Outputs) -> str:
    """Return a text with each `${stack.output}` in it replaced.

    Raises:
        FillError: there is no such output; all of them at once.
    """
    wanted = dict.fromkeys(_PLACEHOLDER.findall(text))
    missing = [f"{stack}.{name}" for stack, name in wanted if name not in outputs.get(stack, {})]
    if missing:
        mend = "deploy the whole platform, then use its outputs"
        raise FillError([f"there is no output {each}; {mend}" for each in missing])
    return _PLACEHOLDER.sub(lambda found: outputs[found[1]][found[2]], text)


def read_outputs(path: Path) -> Outputs:
    """Return the outputs of stacks in a file.

    Raises:
        FillError: it cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FillError([f"{path}: this cannot be read ({error.strerror}); {_WHICH}"]) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(_is_stack(each) for each in found.values()):
        raise FillError([f"{path}: this holds no outputs of stacks; {_WHICH}"])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill in all files of a folder; return 0, or 2 if something is missing, and then nothing was written."""
    parser = argparse.ArgumentParser(
        prog="fill-manifests", description="Put outputs of stacks into what was written for the cluster."
    )
    parser.add_argument("outputs", type=Path, help="what cdk deploy --outputs-file wrote")
    parser.add_argument("source", type=Path, help="the folder kubernetes beside the templates")
    parser.add_argument("into", type=Path, help="the folder for the files that are filled in")
    given = parser.parse_args(arguments)
    try:
        _keep_apart(given.source, given.into)
        _write(given.into, _filled(given.source, read_outputs(given.outputs)))
    except FillError as error:
        sys.stderr.writelines(f"{each}\n" for each in error.sentences)
        return WRONG
    return 0


def _keep_apart(source: Path, into: Path) -> None:
    """What is to be filled in stays as it is: the next outputs would find nothing in it."""
    if into.resolve() == source.resolve():
        raise FillError([f"{into}: the filled files would take the place of these; name another folder"])


def _filled(folder: Path, outputs: Outputs) -> dict[str, str]:
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise FillError([f"{folder}: there is nothing to fill in; name the folder kubernetes beside the templates"])
    filled, sentences = {}, []
    for path in files:
        try:
            filled[path.name] = fill(path.read_text(encoding="utf-8"), outputs)
        except FillError as error:
            sentences += [f"{path.name}: {each}" for each in error.sentences]
        except OSError as error:
            sentences.append(f"{path}: this cannot be read ({error.strerror}); {_AGAIN}")
        except UnicodeDecodeError:
            sentences.append(f"{path}: this is not UTF-8; {_AGAIN}")
    if sentences:
        raise FillError(sentences)
    return filled


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FillError([f"{folder}: this cannot be written ({error.strerror}); name another folder"]) from None


def _is_stack(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(each, str) for each in found.values())
