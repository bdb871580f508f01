"""Two labs may have one number, as it is made from their names: one without pods leaves the other's node alone."""

import pytest

from voice_lab.context import Lab
from voice_lab.node import cgroups, link
from voice_lab.services import cluster, node


@pytest.mark.parametrize("service", [node, cluster])
def test_a_lab_without_pods_takes_down_no_node(service, monkeypatch, tmp_path):
    touched = []
    for module, name in ((link, "leave"), (link, "give_up_address"), (cgroups, "remove")):
        monkeypatch.setattr(module, name, lambda *_, name=name: touched.append(name))
    service.stop(Lab("one", {"apiserver": 1}, {}, folder=tmp_path))
    assert touched == []
    service.stop(Lab("one", {"apiserver": 1}, {}, folder=tmp_path, pods=True))
    assert touched
    touched.clear()
    service.stop(Lab("of another version", {}, {}, folder=tmp_path))
    assert touched
