"""The bill of materials says what is in an image, and is the same for the same image."""

import json
from pathlib import Path

import pytest

from voice_lab.images import bom, contents
from voice_lab.images.contents import Contents
from voice_lab.images.licences import Part

LABELS = {"org.opencontainers.image.description": "a portal"}
CONFIG = {"config": {"Labels": LABELS}, "created": "2026-01-02T03:04:05Z", "architecture": "amd64"}
IMAGE = Contents(Path("/image.tar"), CONFIG, (1000,), "sha256:abc")
PARTS = [
    Part("deb", "libstdc++6", "14.2.0-19", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    Part("deb", "tzdata", "2026a-0+deb13u1", "LicenseRef-public-domain"),
    Part("pypi", "django", "5.2.19", "BSD-3-Clause"),
]


def test_each_part_has_an_address_and_a_licence() -> None:
    told = json.loads(bom.document("portal:1", IMAGE, PARTS))
    assert [(each["purl"], each["licenses"]) for each in told["components"]] == [
        (
            "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64",
            [{"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}],
        ),
        ("pkg:deb/debian/tzdata@2026a-0%2Bdeb13u1?arch=amd64", [{"license": {"name": "LicenseRef-public-domain"}}]),
        ("pkg:pypi/django@5.2.19", [{"license": {"id": "BSD-3-Clause"}}]),
    ]
    (whole,) = told["dependencies"]
    assert whole == {"ref": "portal:1", "dependsOn": [each["bom-ref"] for each in told["components"]]}


def test_the_image_is_named_by_its_digest() -> None:
    told = json.loads(bom.document("portal:1", IMAGE, PARTS))
    assert told["metadata"]["component"]["purl"] == "pkg:oci/portal@sha256%3Aabc?arch=amd64&tag=1"
    assert told["metadata"]["timestamp"] == "2026-01-02T03:04:05Z"


def test_the_same_image_has_the_same_bill() -> None:
    assert bom.document("portal:1", IMAGE, PARTS) == bom.document("portal:1", IMAGE, PARTS)


@pytest.mark.parametrize("debian", [True, False])
def test_python_is_a_package_of_debian_or_was_built_from_source(debian: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "/usr/lib/python3.13/VERSION": "3.13.5\n",
        "/usr/lib/python3.13/site-packages/x-1.dist-info/METADATA": "Name: x\nVersion: 1\nLicense: MIT\n",
    }
    if debian:
        texts["/var/lib/dpkg/status.d/python3.13-minimal"] = "Package: python3.13-minimal\nVersion: 3.13.5-2\n"
    monkeypatch.setattr(contents, "texts", lambda _file, wanted: {k: v for k, v in texts.items() if wanted(k)})
    (python, package) = bom.parts(Path("/image.tar"))
    assert package == Part("pypi", "x", "1", "MIT", "MIT")
    assert (python.kind, python.version) == (("deb", "3.13.5-2") if debian else ("generic", "3.13.5"))
