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
BY_IPV4 = """
initech = { connection = "tunnel", gateway = "203.0.113.9", vpc = "10.32.0.0/16", sip_family = "ipv4", prefixes = [
  "192.0.2.128/26"] }
"""
"""One client more, for the end of the example: it speaks IPv4."""

Resource = dict[str, Any]

_ALL = """
import json, sys
sys.path.insert(0, "cdk")
from voice_cdk.synthesis import main
sys.exit(max(main(arguments) for arguments in json.loads(sys.argv[1])))
"""


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
        return {
            f"{stack}/{name}": resource.get("Properties", {})
            for stack, template in self.stacks.items()
            if not stacks or stack in stacks
            for name, resource in template["Resources"].items()
            if resource["Type"] == f"AWS::{kind}"
        }


def refers(value: Any, name: str) -> bool:
    """Whether a property says anything of the resource or export with this in its name."""
    return name in json.dumps(value)


@cache
def python() -> str:
    """The Python of the environment in which stacks are synthesised; it is made if it isn't there."""
    made = subprocess.run([CHECKOUT / "scripts" / "environment", "cdk"], check=True, stdout=subprocess.PIPE, text=True)
    return f"{made.stdout.strip()}/python"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What `make synth` runs, with other arguments."""
    command = [python(), "cdk/app.py", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)


def synthesise(configurations: dict[str, str], folder: Path) -> dict[str, Assembly]:
    """Synthesise the texts of several configurations, in one process: to start AWS CDK takes seconds."""
    arguments = []
    for name, text in configurations.items():
        (folder / f"{name}.toml").write_text(text)
        arguments.append([str(folder / f"{name}.toml"), str(folder / name)])
    done = subprocess.run(
        [python(), "-c", _ALL, json.dumps(arguments)], check=False, capture_output=True, text=True, cwd=CHECKOUT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return {name: Assembly(folder / name) for name in configurations}
