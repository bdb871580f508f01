"""`python -m voice_cdk.proving FOLDER`: hold every tool against a folder of templates.

One line of JSON a tool: `tool`, `seconds` (of a processor), `findings` (accepted ones too), and `left`: sentences of
what nobody accepted, or needn't accept any more. Exit code 1 if anything is left.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from voice_cdk.judge.templates import read
from voice_cdk.proving.environments import spent
from voice_cdk.proving.findings import accepted, left
from voice_cdk.proving.tools import TOOLS, whole


def main(folder: Path) -> int:
    """Run all tools; return the exit code."""
    assembly = read(folder)
    wrong = False
    for name, tool in TOOLS.items():
        began = spent()
        (findings,) = tool([whole(assembly)])
        sentences = list(left(findings, accepted(name)))
        wrong |= bool(sentences)
        figures = {"tool": name, "seconds": round(spent() - began, 2), "findings": len(findings)}
        sys.stdout.write(json.dumps({**figures, "left": sentences}) + "\n")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
