"""Running the containers of a Deployment or a Job as plain processes of this machine, where the lab has no kubelet.

Everything comes from the chart: command, arguments, environment and volumes. A volume becomes a folder, with the files
of its Secret or ConfigMap as the API server holds them; where arguments, environment or the files of a ConfigMap name
its mount path, they get that folder's path instead. Images, limits, probes and security settings are not applied.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voice_lab import commands, files, processes
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import cluster

NAMESPACE = "voice-quality"
JOB_SECONDS = 180

Object = Mapping[str, Any]


def start(lab: Lab, deployment: str, *, env: Mapping[str, str] | None = None, replica: str = "") -> None:
    """Start the containers of a Deployment, as the API server holds it.

    `env` is added to every container's environment: what a kubelet would have put into the pod. A further pod of the
    same Deployment is told apart by `replica`.
    """
    pod = _get(lab, "deployment", deployment)["spec"]["template"]["spec"]
    volumes = _volumes(lab, deployment, pod)
    for container in pod["containers"]:
        command, settings = _prepare(lab, container, volumes)
        processes.start(lab.folder, _process(deployment, container) + replica, command, env={**settings, **(env or {})})


def run(lab: Lab, job: Object, *, env: Mapping[str, str] | None = None) -> None:
    """Run the containers of a Job, one after the other, to their end.

    Raises:
        LabError: one of them fails; the text holds the end of what it said.
    """
    pod = job["spec"]["template"]["spec"]
    volumes = _volumes(lab, job["metadata"]["name"], pod)
    for container in pod["containers"]:
        command, settings = _prepare(lab, container, volumes)
        commands.run(command, env={**settings, **(env or {})}, seconds=JOB_SECONDS)


def check(lab: Lab, deployment: str) -> None:
    """Raise LabError if a container of the Deployment has ended."""
    for name in _processes(lab, deployment):
        processes.check(lab.folder, name)


def are_ready(lab: Lab, deployment: str) -> bool:
    """Tell whether all pods of a Deployment that runs in the lab's cluster are ready."""
    found = _get(lab, "deployment", deployment)
    return bool(found.get("status", {}).get("readyReplicas", 0) == found["spec"]["replicas"])


def stop(lab: Lab, deployment: str) -> None:
    """End the Deployment's containers."""
    for name in _processes(lab, deployment):
        processes.stop(lab.folder, name)


def _process(deployment: str, container: Object) -> str:
    return f"{deployment}.{container['name']}"


def _processes(lab: Lab, deployment: str) -> list[str]:
    return [name for name in processes.names(lab.folder) if name.startswith(f"{deployment}.")]


def _get(lab: Lab, kind: str, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(cluster.kubectl(lab, "get", kind, name, "-n", NAMESPACE, "-o", "json"))
    return answer


def _volumes(lab: Lab, owner: str, pod: Object) -> dict[str, Path]:
    return {volume["name"]: _materialise(lab, owner, volume) for volume in pod.get("volumes", [])}


def _materialise(lab: Lab, owner: str, volume: Object) -> Path:
    folder = lab.folder / "pods" / owner / str(volume["name"])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if secret := volume.get("secret"):
        data = _get(lab, "secret", secret["secretName"])["data"]
        _write(folder, chosen(secret, {key: base64.b64decode(value).decode() for key, value in data.items()}))
    elif config := volume.get("configMap"):
        _write(folder, chosen(config, _get(lab, "configmap", config["name"])["data"]))
    elif "emptyDir" not in volume:
        raise LabError(f"{owner}: the lab knows no volume like {volume}")
    return folder


def chosen(source: Object, data: Mapping[str, str]) -> dict[str, str]:
    """Return a volume's files by name: those of its Secret or ConfigMap that it asks for, or all.

    Raises:
        LabError: one is not there, for which a kubelet would let the pod wait.
    """
    if "items" not in source:
        return dict(data)
    if missing := [item["key"] for item in source["items"] if item["key"] not in data]:
        raise LabError(f"{source.get('secretName') or source.get('name')} has no key {', '.join(missing)}")
    return {item["path"]: data[item["key"]] for item in source["items"]}


def _write(folder: Path, contents: Mapping[str, str]) -> None:
    for name, text in contents.items():
        files.write_private(folder / name, text)


def _prepare(lab: Lab, container: Object, volumes: Mapping[str, Path]) -> tuple[list[str], dict[str, str]]:
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container.get("volumeMounts", [])}
    for folder in mounts.values():
        for path in folder.iterdir():
            if path.suffix in {".conf", ".toml"}:
                path.write_text(moved(path.read_text(), mounts))
    words = [*container["command"], *container.get("args", [])]
    command = [moved(word, mounts) for word in words]
    env = {item["name"]: moved(_value(lab, item), mounts) for item in container.get("env", [])}
    here = str(Path(sys.executable).parent)
    return command, {"PATH": f"{here}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1", **env}


def moved(text: str, mounts: Mapping[str, Path]) -> str:
    """Put folders of this machine in place of the mount paths that `text` names."""
    if not mounts:
        return text
    # A path is only ours as a whole: not as the end of a longer path, nor as the beginning of a longer name.
    names = "|".join(re.escape(mount) for mount in sorted(mounts, key=len, reverse=True))
    return re.sub(rf"(?<![\w/.-])({names})(?![\w.-])", lambda found: str(mounts[found[1]]), text)


def _value(lab: Lab, item: Object) -> str:
    if "valueFrom" not in item:
        return str(item.get("value", ""))
    source = item["valueFrom"]
    if reference := source.get("secretKeyRef"):
        return base64.b64decode(_get(lab, "secret", reference["name"])["data"][reference["key"]]).decode()
    if source.get("fieldRef", {}).get("fieldPath") == "metadata.namespace":
        return NAMESPACE
    raise LabError(f"the lab knows no environment variable like {item}")
