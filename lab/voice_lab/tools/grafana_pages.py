"""Grafana's web pages, built from the sources that its Go module carries beside the server's.

Every package comes from npm and is held to the checksums of Grafana's own `yarn.lock`. Not in the module are the
folders called `vendor`: what is in them serves panels of Angular, which are not built.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voice_lab import commands, files, packages
from voice_lab.errors import LabError

NODE_MAJOR = 18

# Of the tools that Grafana's developers use, those that build its pages: with the others, three times the packages.
_TOOLS = {
    "autoprefixer", "blob-polyfill", "browserslist", "copy-webpack-plugin", "css-loader",
    "css-minimizer-webpack-plugin", "esbuild", "esbuild-loader", "esbuild-plugin-browserslist", "expose-loader",
    "html-loader", "html-webpack-plugin", "mini-css-extract-plugin", "mutationobserver-shim", "ngtemplate-loader",
    "postcss", "postcss-loader", "postcss-reporter", "postcss-scss", "sass", "sass-loader", "style-loader", "webpack",
    "webpack-cli", "webpack-manifest-plugin", "webpack-merge",
}  # fmt: skip
_WORKSPACES = [f"packages/grafana-{name}" for name in ("data", "e2e-selectors", "runtime", "schema", "ui")]
# It is not on npm, and serves to look into spreadsheets that are dropped on a dashboard.
_SPREADSHEETS = "xlsx"
_CONFIG = f"""const config = require('./webpack.prod.js')();
// The workspaces are links in node_modules, whose sources are not compiled.
config.resolve.symlinks = true;
config.resolve.alias.vendor = false;
config.resolve.alias.{_SPREADSHEETS} = false;
config.devtool = false;
config.cache = false;
module.exports = config;
"""


def are_in(home: Path) -> bool:
    """Whether Grafana's home folder has its web pages."""
    return (home / "public" / "views" / "index.html").exists() and (home / "public" / "build").exists()


def build(source: Path, home: Path) -> None:
    """Build the pages in `source`, a copy of Grafana's module, and put them into Grafana's home folder.

    Raises:
        LabError: npm cannot be reached, or the build failed.
    """
    lock = source / "yarn.lock"
    vouched = _resolved(lock)
    _edit(source / "package.json", _only_what_builds)
    for workspace in _WORKSPACES:
        _edit(source / workspace / "package.json", _without_tools)
    (source / "scripts" / "webpack" / "webpack.lab.js").write_text(_CONFIG)
    (yarn,) = (source / ".yarn" / "releases").glob("yarn-*.cjs")
    commands.run(["node", yarn, "install", "--no-immutable"], seconds=1800, env=_environment(source), cwd=source)
    if strangers := _resolved(lock) - vouched:
        raise LabError(f"these packages are not in Grafana's own yarn.lock: {', '.join(sorted(strangers))}")
    webpack = ["node", "node_modules/webpack/bin/webpack.js", "--config", "scripts/webpack/webpack.lab.js"]
    production = {**os.environ, "NODE_ENV": "production", "NODE_OPTIONS": "--max-old-space-size=4096"}
    commands.run(webpack, seconds=1800, env=production, cwd=source)
    _put(source / "public", home / "public")


def _environment(source: Path) -> dict[str, str]:
    return {
        **os.environ,
        "YARN_ENABLE_SCRIPTS": "0",  # of the packages: nothing of what they do is needed
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_GLOBAL_FOLDER": str(source / ".yarn" / "global"),
        "YARN_NODE_LINKER": "node-modules",
    }


def need_node() -> None:
    """Have a Node.js that is new enough, installed if there is none.

    Raises:
        LabError: it is too old, or there is none to be had.
    """
    if not shutil.which("node"):
        packages.install(["nodejs"])
    version = commands.run(["node", "--version"]).strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_MAJOR:
        raise LabError(f"Node.js {NODE_MAJOR} or newer is needed, and this is {version}")


def _resolved(lock: Path) -> set[str]:
    return set(re.findall(r'^  resolution: "(.*)"$', lock.read_text(), re.MULTILINE))


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=2))


def _only_what_builds(package: dict[str, Any]) -> None:
    package["devDependencies"] = {name: at for name, at in package["devDependencies"].items() if name in _TOOLS}
    package["resolutions"] = {name: at for name, at in package["resolutions"].items() if "storybook" not in name}
    package["workspaces"] = {"packages": _WORKSPACES}
    package["dependencies"].pop(_SPREADSHEETS, None)
    package.pop("scripts", None)


def _without_tools(package: dict[str, Any]) -> None:
    for part in ("devDependencies", "scripts"):
        package.pop(part, None)


def _put(built: Path, public: Path) -> None:
    with files.filling(public / "build") as partial:
        shutil.copytree(built / "build", partial, dirs_exist_ok=True)
    for page in ("error.html", "index.html"):
        shutil.copyfile(built / "views" / page, public / "views" / page)
