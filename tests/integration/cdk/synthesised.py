"""Templates as `make synth` writes them, for tests that run without AWS CDK: its environment is its own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
EXAMPLE = CHECKOUT / "cdk" / "config" / "example.toml"

Resource = dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    """The templates of one configuration."""

    folder: Path

    @cached_property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """Templates by the names of their stacks, without the platform's name before them."""
        manifest = json.loads((self.folder / "assembly-voice" / "manifest.json").read_text())
        return {
            artifact["displayName"].removeprefix("voice/").partition(" ")[0]: json.loads(
                (self.folder / "assembly-voice" / artifact["properties"]["templateFile"]).read_text()
            )
            for artifact in manifest["artifacts"].values()
            if artifact["type"] == "aws:cloudformation:stack"
        }

    def of_type(self, kind: str, *stacks: str) -> dict[str, Resource]:
        """Properties of all resources of a type, such as `EC2::Route`, by stack and logical id."""
        return {place: resource.get("Properties", {}) for place, resource in self.whole(kind, *stacks).items()}

    def whole(self, kind: str, *stacks: str) -> dict[str, Resource]:
        """The same, with what is beside their properties."""
        return {
            f"{stack}/{name}": resource
            for stack, template in self.stacks.items()
            if not stacks or stack in stacks
            for name, resource in template["Resources"].items()
            if resource["Type"] == f"AWS::{kind}"
        }


def refers(value: Any, name: str) -> bool:
    """Whether a property says anything of the resource or export with this in its name."""
    return name in json.dumps(value)


@cache
def python(environment: str = "cdk") -> str:
    """The Python of an environment: of that in which stacks are synthesised. It is made if it isn't there."""
    command = [CHECKOUT / "scripts" / "environment", environment]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return f"{made.stdout.strip()}/python"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What `make synth` runs, with other arguments."""
    command = [python(), "cdk/app.py", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)
