"""The command line: `python -m voice_lab.release VERSION`; `make release` calls it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from voice_lab import places, progress
from voice_lab.errors import LabError
from voice_lab.images import making, names
from voice_lab.images.making import Built
from voice_lab.release import releasing


def main() -> None:
    """Make a release; a LabError becomes one clear message and exit code 1."""
    parser = argparse.ArgumentParser(prog="voice_lab.release", description="Make a release of this checkout.")
    parser.add_argument("version", help="such as 1.2.3")
    arguments = parser.parse_args()
    try:
        folder = releasing.make(places.CHECKOUT, arguments.version, _images)
    except LabError as error:
        progress.say(f"ERROR: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        progress.say("interrupted")
        sys.exit(130)
    sys.stdout.write(_told(folder))


def _images() -> dict[str, Built]:
    """Both images. Another process builds them, which goes on as root if it must: this one writes to the repository."""
    done = subprocess.run([sys.executable, "-m", "voice_lab.images", "build"], stdout=sys.stderr, check=False)
    if done.returncode:
        raise LabError("the images are not built, so nothing is released")
    return {name: making.build(name) for name in names.TARGETS}


def _told(folder: Path) -> str:
    files = "".join(f"  {path.name}\n" for path in sorted(folder.iterdir()))
    push = f"git push --atomic origin HEAD {releasing.tag(folder.name)}"
    return f"\n{folder}\n{files}\nNothing was pushed; this does: {push}\n"


if __name__ == "__main__":
    main()
