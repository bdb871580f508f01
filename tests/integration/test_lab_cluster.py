"""What the lab does in a cluster that is not its own."""

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
