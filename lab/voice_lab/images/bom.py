"""What is in an image, as a bill of materials: CycloneDX 1.6, JSON (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from voice_lab.images import contents, licences
from voice_lab.images.contents import Contents
from voice_lab.images.licences import Part

_METADATA = re.compile(r"/(?:site|dist)-packages/[^/]+\.dist-info/METADATA")
_SYSTEM = re.compile(r"/var/lib/dpkg/status\.d/[^/]+")
_PYTHON = re.compile(r"/lib/python3\.\d+/VERSION")


def parts(file: Path) -> list[Part]:
    """What is in the image whose archive is `file`: Python, its packages, and what they stand on."""
    found = contents.texts(file, lambda path: any(each.search(path) for each in (_METADATA, _SYSTEM, _PYTHON)))
    packages = [licences.of_package(text) for path, text in found.items() if _METADATA.search(path)]
    system = [licences.of_system(_fields(text)) for path, text in found.items() if _SYSTEM.search(path)]
    python = []
    if not any(re.match(r"python3\.\d+-minimal$", each.name) for each in system):
        # It is no package where it was built from source.
        version = next(text.strip() for path, text in found.items() if _PYTHON.search(path))
        python = [Part("generic", "python", version, "PSF-2.0")]
    return sorted((*packages, *system, *python), key=lambda each: (each.kind, each.name))


def document(name: str, image: Contents, components: Sequence[Part]) -> str:
    """The bill of materials of the image `name`: the same image has the same one."""
    made = image.config["created"].partition(".")[0].removesuffix("Z")
    when = datetime.datetime.fromisoformat(made).replace(tzinfo=datetime.UTC)
    architecture = image.config["architecture"]
    listed = [_component(each, architecture) for each in components]
    title, _, version = name.partition(":")
    subject = {
        "type": "container",
        "bom-ref": name,
        "name": title,
        "version": version,
        "description": image.labels["org.opencontainers.image.description"],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": f"pkg:oci/{title}@{quote(image.identity, safe='')}?arch={architecture}&tag={version}",
    }
    whole = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, image.identity)}",
        "version": 1,
        "metadata": {"timestamp": when.isoformat().replace("+00:00", "Z"), "component": subject},
        "components": listed,
        "dependencies": [{"ref": name, "dependsOn": [each["bom-ref"] for each in listed]}],
    }
    return json.dumps(whole, indent=2) + "\n"


def _component(part: Part, architecture: str) -> dict[str, Any]:
    address = _address(part, architecture)
    return {
        "type": "library",
        "bom-ref": address,
        "name": part.name,
        "version": part.version,
        "licenses": [_licence(part.licence)] if part.licence else [],
        "purl": address,
    }


def _licence(expression: str) -> dict[str, Any]:
    if " " in expression:
        return {"expression": expression}
    # What SPDX's list does not have goes by a name.
    return {"license": {"name" if expression.startswith("LicenseRef-") else "id": expression}}


def _address(part: Part, architecture: str) -> str:
    """The part's address (https://github.com/package-url/purl-spec)."""
    version = quote(part.version, safe="")
    if part.kind == "deb":
        return f"pkg:deb/debian/{quote(part.name, safe='')}@{version}?arch={architecture}"
    return f"pkg:{part.kind}/{part.name}@{version}"


def _fields(text: str) -> dict[str, str]:
    return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
