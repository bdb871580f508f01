"""What pyproject.toml admits is what is used, and has been tried: `make test-lowest` runs the unit tests with it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from voice_lab.places import CHECKOUT

PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
PARTS = {
    "operator": ("operator",),
    "portal": ("portal", "pdf"),
    "sipapp": ("sipapp", "aws", "score"),
    "lab": ("operator", "portal", "pdf", "sipapp", "lab"),
}
"""The extras that the folder of each part may import from."""

COMES_WITH = {
    "arro3-core": "arro3-io",
    "botocore": "boto3",
    "certifi": "httpx",
    "python3-saml": "social-auth-core",
    "yarl": "aiohttp",
}
"""Packages of which another is made: its own bound on them is narrower than any of ours."""


def requirements() -> list[str]:
    grouped = [each for group in PROJECT["dependency-groups"].values() for each in group if isinstance(each, str)]
    named = [each for extra in EXTRAS.values() for each in extra if not each.startswith("voice-quality-reporting")]
    return sorted({*named, *grouped, *PROJECT["build-system"]["requires"]})


def name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


@pytest.mark.parametrize("requirement", requirements())
def test_every_requirement_says_from_which_version_on(requirement: str):
    assert re.search(r">=\s*[0-9]", requirement), "without a bound, the first version ever published is admitted"


def test_a_package_has_one_bound():
    bounds: dict[str, set[str]] = {}
    for requirement in requirements():
        bounds.setdefault(name(requirement), set()).add(re.sub(r"^[\w.-]+(\[.*?\])?", "", requirement))
    assert {package: each for package, each in bounds.items() if len(each) > 1} == {}


def imported(part: str) -> set[str]:
    """The distributions whose modules the sources of `part` import."""
    found = set()
    for path in (CHECKOUT / part).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module or "")
    ours = {folder.name for each in PARTS for folder in (CHECKOUT / each).iterdir() if folder.is_dir()}
    modules = {module.partition(".")[0] for module in found} - ours - sys.stdlib_module_names
    modules -= {"tests", "bench", "_typeshed"}
    known = packages_distributions()
    return {name(distribution) for module in modules for distribution in known.get(module, [module])}


@pytest.mark.parametrize("part", PARTS)
def test_what_a_part_imports_is_among_its_own_extras(part: str):
    """A host that has only that part must have it."""
    declared = {name(requirement) for extra in PARTS[part] for requirement in EXTRAS[extra]}
    if part == "lab":
        declared |= {"playwright"}  # draws previews, where it is installed
        declared |= {"samba", "ldb"}  # Debian's, for its own Python: `identity.administer` is a program of that
    assert {COMES_WITH.get(package, package) for package in imported(part)} <= declared


@pytest.mark.parametrize("path", ["docs/sip-host.md", "docs/measurement.md"])
def test_the_documentation_installs_what_is_admitted(path: str):
    (score,) = EXTRAS["score"]
    text = Path(CHECKOUT / path).read_text(encoding="utf-8")
    asked = re.findall(r"pip install '([^']+)'", text)
    assert asked
    assert set(asked) <= {score}
