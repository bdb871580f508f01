"""How a Deployment's containers become processes of this machine."""

from pathlib import Path

import pytest

from voice_lab import pods
from voice_lab.errors import LabError

MOUNTS = {"/etc/voice": Path("/state/a"), "/etc/voice-proxy": Path("/state/b")}


def test_mount_paths_become_folders_the_longer_path_first() -> None:
    assert pods.moved("nginx -c /etc/voice-proxy/nginx.conf", MOUNTS) == "nginx -c /state/b/nginx.conf"
    assert pods.moved("/etc/voice/ca.pem", MOUNTS) == "/state/a/ca.pem"


def test_a_mount_path_inside_another_path_is_not_touched() -> None:
    assert pods.moved("/srv/etc/voice/x", MOUNTS) == "/srv/etc/voice/x"
    assert pods.moved("/etc/voices", MOUNTS) == "/etc/voices"


def test_a_volume_has_the_keys_that_it_asks_for_under_its_own_names_or_all() -> None:
    data = {"operator": "a", "portal": "b"}
    assert pods.chosen({"items": [{"key": "operator", "path": "password"}]}, data) == {"password": "a"}
    assert pods.chosen({}, data) == data


def test_a_key_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="voice-mysql has no key owner"):
        pods.chosen({"secretName": "voice-mysql", "items": [{"key": "owner", "path": "password"}]}, {"portal": "b"})
