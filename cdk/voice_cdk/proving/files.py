"""Templates in files, for tools that are programs: all in one run, for each takes seconds to start."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from voice_cdk.judge.templates import Stack


@contextmanager
def written(stacks: Iterable[Stack]) -> Iterator[Path]:
    """A folder with the stacks' templates, called by their numbers, as long as it is needed."""
    with TemporaryDirectory() as folder:
        for number, stack in enumerate(stacks):
            path = Path(folder) / f"{number}.template.json"
            path.write_text(json.dumps(stack.template, indent=1), encoding="utf-8")
        yield Path(folder)


def number_of(path: Path) -> int:
    """The number of a template's file."""
    return int(path.name.partition(".")[0])
