"""How a Deployment's containers become processes of this machine."""

from pathlib import Path

from voice_lab import pods

MOUNTS = {"/etc/voice": Path("/state/a"), "/etc/voice-proxy": Path("/state/b")}


def test_mount_paths_become_folders_the_longer_path_first() -> None:
    assert pods.moved("nginx -c /etc/voice-proxy/nginx.conf", MOUNTS) == "nginx -c /state/b/nginx.conf"
    assert pods.moved("/etc/voice/ca.pem", MOUNTS) == "/state/a/ca.pem"


def test_a_mount_path_inside_another_path_is_not_touched() -> None:
    assert pods.moved("/srv/etc/voice/x", MOUNTS) == "/srv/etc/voice/x"
    assert pods.moved("/etc/voices", MOUNTS) == "/etc/voices"
