"""docs/install.md as a new user goes through it: its blocks of shell, section by section."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voice_lab import places
from voice_lab.tools import kubectl as kubectl_tool

PAGE = places.CHECKOUT / "docs" / "install.md"
BLOCK_SECONDS = 330
HEADING = re.compile(r"^## (.+)$")
ASSIGNMENT = re.compile(r"^([A-Z_]+)='[^']*'", re.MULTILINE)


def blocks(text: str, language: str = "sh") -> dict[str, list[str]]:
    """The blocks of this language in each section of a page."""
    found: dict[str, list[str]] = {}
    section, inside, lines = "", "", list[str]()
    for line in text.splitlines():
        if line.startswith("```"):
            if inside == language:
                found.setdefault(section, []).append("\n".join(lines) + "\n")
            inside, lines = ("", []) if inside else (line[3:] or "text", [])
        elif inside:
            lines.append(line)
        elif heading := HEADING.match(line):
            section = heading[1]
    return found


def filled_in(block: str, values: Mapping[str, str]) -> str:
    """The block with one's own values in place of those that it gives as examples."""
    return ASSIGNMENT.sub(lambda given: f"{given[1]}='{values[given[1]]}'", block)


@dataclass
class User:
    """Somebody who follows the page, with a home of their own, a kubeconfig and a helm.

    Attributes:
        values: what they write in place of the page's examples.
        corrections: pieces of text that read differently on their machine.
        direct: variables that keep their programs from asking a proxy for the cluster.
        done: the blocks that they gave, in order.
    """

    home: Path
    kubeconfig: Path
    helm: Path
    values: Mapping[str, str]
    corrections: Mapping[str, str]
    direct: Mapping[str, str]
    done: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the page keeps the user's files."""
        return self.home / "voice-quality"

    def follow(self, section: str) -> str:
        """Give all blocks of a section, each in a new shell; return what they printed."""
        found = blocks(PAGE.read_text())
        assert section in found, f"{PAGE.name} has no section {section!r} with a block of sh"
        return "".join(self.give(block) for block in found[section])

    def give(self, block: str) -> str:
        """Give one block; return what it printed."""
        self.done.append(block)
        text = filled_in(block, self.values)
        for told, meant in self.corrections.items():
            text = text.replace(told, meant)
        names = "[ ! -e ~/voice-quality/names ] || . ~/voice-quality/names\n"
        programs = [self.helm.parent, kubectl_tool.program("kubectl").parent]
        env = {
            **self.direct,
            "HOME": str(self.home),
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": ":".join([*map(str, programs), os.environ["PATH"]]),
        }
        done = subprocess.run(
            ["sh", "-eu", "-c", names + text],
            cwd=places.CHECKOUT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=BLOCK_SECONDS,
        )
        assert done.returncode == 0, f"{block}\nfails with:\n{done.stdout}{done.stderr}"
        return done.stdout
