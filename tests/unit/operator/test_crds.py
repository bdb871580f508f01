"""What can be said of the CRDs without an API server."""

from pathlib import Path

import pytest
import yaml

from voiceprobe_operator.kubernetes import VERSION
from voiceprobe_operator.kubernetes.crds import judged, paths
from voiceprobe_operator.kubernetes.fields import FIELDS

MOST_ITEMS = {".spec.numbers": 256, ".spec.access": 32, ".spec.access[].groups": 64}
CRDS = sorted((Path(__file__).parents[3] / "crds").glob("*.yaml"))


def schemas(node, path="", inside_status=False):
    yield path, node, inside_status
    for name, child in node.get("properties", {}).items():
        yield from schemas(child, f"{path}.{name}", inside_status or (not path and name == "status"))
    if "items" in node:
        yield from schemas(node["items"], f"{path}[]", inside_status)


def every_schema():
    for crd in CRDS:
        root = yaml.safe_load(crd.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for path, node, inside_status in schemas(root):
            yield pytest.param(path, node, inside_status, id=f"{crd.stem}{path}")


@pytest.mark.parametrize(("path", "node", "inside_status"), list(every_schema()))
def test_every_field_is_described_and_every_rule_has_a_sentence(path, node, inside_status):
    if not path.endswith("[]"):
        assert node["description"].rstrip().endswith(".")
    for rule in node.get("x-kubernetes-validations", ()):
        assert len(rule["message"].split()) > 3
    if not inside_status and node["type"] == "string" and "enum" not in node:
        assert node["maxLength"] <= 255
    if not inside_status and node["type"] == "array":
        assert node["maxItems"] <= MOST_ITEMS.get(path, 16)


@pytest.mark.parametrize("crd", CRDS, ids=lambda path: path.stem)
def test_every_column_of_a_list_is_described(crd):
    columns = yaml.safe_load(crd.read_text())["spec"]["versions"][0]["additionalPrinterColumns"]
    assert all(len(column["description"].split()) > 3 for column in columns)
    assert {"Ready", "Age"} <= {column["name"] for column in columns}


def test_the_operator_knows_the_fields_that_the_crds_declare():
    """It says of a cluster's CRD whether it is older or newer; after a change of crds/, fields.py has to follow."""
    for crd in CRDS:
        body = yaml.safe_load(crd.read_text())
        root = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        kind = body["spec"]["names"]["kind"]
        assert FIELDS[kind] == frozenset(paths(root)), f"{kind}: {' '.join(sorted(paths(root)))}"
        assert judged(kind, body, VERSION) == ("", "")


def test_a_crd_of_another_version_alone_is_named():
    body = yaml.safe_load(CRDS[-1].read_text())
    body["spec"]["versions"][0]["name"] = "v1"
    assert "serves no version v1alpha1: helm show crds" in judged("VoiceProbe", body, VERSION)[0]
