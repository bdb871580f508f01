"""What the lab does in a cluster that is not its own."""

import json

import pytest

from tests.conftest import Cluster
from voice_lab.errors import LabError
from voice_lab.services import cluster as cluster_service

pytestmark = pytest.mark.services


def test_a_namespace_that_no_lab_made_is_left_alone(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "somebodys")
    with pytest.raises(LabError, match="namespace somebodys that no lab made"):
        cluster_service.claim_namespace(cluster.lab, "somebodys")


def test_a_namespace_of_an_earlier_lab_is_used_again(cluster: Cluster) -> None:
    for _ in range(2):
        cluster_service.claim_namespace(cluster.lab, "again")
    assert "again" in cluster.kubectl("get", "namespaces", "-l", f"{cluster_service.LABEL}=true", "-o", "name")


def allotted(cluster: Cluster, name: str) -> str:
    body = {"apiVersion": "voicequality.io/v1alpha1", "kind": "NumberAllotment", "metadata": {"name": name}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body | {"spec": {"client": name, "numbers": [name]}}))
    return name


def test_an_allotment_that_no_lab_made_is_left_alone(cluster: Cluster) -> None:
    mine, others = allotted(cluster, "lab-cluster-mine"), allotted(cluster, "lab-cluster-others")
    with pytest.raises(LabError, match="a numberallotment lab-cluster-others that no lab made"):
        cluster_service.refuse_foreign(cluster.lab, "numberallotment", [others])
    cluster_service.claim(cluster.lab, "numberallotment", [mine])
    cluster_service.refuse_foreign(cluster.lab, "numberallotment", [mine])
    cluster_service.release(cluster.lab, "numberallotment", [mine, others])
    left = cluster.kubectl("get", "numberallotments", "-o", "name")
    assert mine not in left
    assert others in left
    cluster.kubectl("delete", "numberallotment", others)
