"""A SIP host as an engineer installs it: the script is run, and what its units would start makes a call.

All of it happens in a mount namespace over this machine's files, so that /etc, /opt and /var stay as they are, and in
the network namespace of the lab's second SIP host. There is no systemd in it: the units' commands are run as the units
say, with their user, their settings and their limits.
"""

from __future__ import annotations

import itertools
import re
import resource
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_sip_calls import plan_row
from voice_lab import commands, pki, processes, waiting
from voice_lab.context import Lab
from voice_lab.places import CHECKOUT
from voice_lab.services import database as database_service
from voice_lab.services import network, sip_host
from voice_sipapp.plan import leases

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(600)]

CLIENT = "sip-install-test"
ADDRESS = network.PLAN.second_receiver
# Not the usual ports: the lab's own second SIP host may be running in the same namespace.
PORTS = {"DIALER": 5160, "RECEIVER": 5162, "TCP": 5170, "TLS": 5171}
EDGE_PORT = 5164
SCRIPT = CHECKOUT / "packaging" / "sip-host" / "install"


class Machine:
    """This machine's files as somebody sees them who may change them all, and whose changes go with them."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        # The changes are kept in memory: where this machine's own files are an overlay, they could not lie on one.
        mounts = f"""set -e
            mount -t tmpfs -o mode=755 voice {self.root}
            mkdir {self.root}/up {self.root}/work {self.view}
            mount -t overlay -o lowerdir=/,upperdir={self.root}/up,workdir={self.root}/work voice {self.view}
            for each in proc sys dev run tmp; do mount --rbind /$each {self.view}/$each; done
            exec sleep infinity"""
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounts]
        self._pid = processes.start(folder, "machine", command).pid
        waiting.until(self._ready, what="the machine's files are mounted", seconds=20)

    @property
    def view(self) -> str:
        return f"{self.folder}/root/view"

    def _ready(self) -> bool:
        processes.check(self.folder, "machine")
        return Path(f"/proc/{self._pid}/comm").read_text() == "sleep\n"  # the last that it becomes

    def inside(self, *command: str, network_too: bool = False) -> list[str]:
        spaces = [f"--mount=/proc/{self._pid}/ns/mnt"]
        if network_too:
            spaces.append(f"--net={network.NAMESPACES / network.second_namespace(self.lab)}")
        return ["nsenter", *spaces, "chroot", self.view, *command]

    def run(self, *command: str, network_too: bool = False) -> str:
        return commands.run(self.inside(*command, network_too=network_too), seconds=400)

    def write(self, path: str, text: str) -> None:
        commands.run(self.inside("tee", path), stdin=text)

    def unit(self, name: str) -> dict[str, list[str]]:
        """The settings of an installed unit."""
        found: dict[str, list[str]] = {}
        for line in self.run("cat", f"/etc/systemd/system/{name}.service").splitlines():
            key, is_setting, value = line.partition("=")
            if is_setting and not line.startswith("#"):
                found.setdefault(key, []).append(value)
        return found

    def as_unit(self, name: str, command: str) -> list[str]:
        """`command` of a unit, run with its user, environment, limits and capabilities."""
        unit = self.unit(name)
        (user,) = unit["User"]
        capabilities = ",".join(
            ["-all", *(f"+{one.removeprefix('CAP_').lower()}" for one in unit["CapabilityBoundingSet"] if one)]
        )
        words = [
            "prlimit", *_limits(unit), "--",
            "setpriv", f"--reuid={user}", f"--regid={unit['Group'][0]}", "--clear-groups", "--no-new-privs",
            f"--bounding-set={capabilities}", f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}",
            *shlex.split(command),
        ]  # fmt: skip
        reading = "set -a; " + "".join(f". {path}; " for path in unit["EnvironmentFile"]) + 'set +a; cd /; exec "$@"'
        return self.inside(
            "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", reading, "sh", *words, network_too=True
        )


def _limits(unit: dict[str, list[str]]) -> list[str]:
    """The unit's limits, as far as this test itself may go: systemd could raise them, a container may not."""
    found = []
    for name, kind in (("NOFILE", resource.RLIMIT_NOFILE), ("RTPRIO", resource.RLIMIT_RTPRIO)):
        wanted, (_, most) = int(unit.get(f"Limit{name}", ["0"])[0]), resource.getrlimit(kind)
        found.append(f"--{name.lower()}={wanted if most == resource.RLIM_INFINITY else min(wanted, most)}")
    return found


@pytest.fixture(scope="module")
def machine(services: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    lab = services.up("schema", "path")
    folder = tmp_path_factory.mktemp("sip-host")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    made = Machine(lab, folder)
    try:
        yield made
    finally:
        processes.stop(folder, "machine")


@pytest.fixture(scope="module")
def installed(machine: Machine) -> str:
    """What the script told at the first installation."""
    done = subprocess.run(machine.inside(str(SCRIPT)), capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def configured(machine: Machine, installed: str) -> Machine:
    """The installed host with the settings of the lab."""
    lab = machine.lab
    pki.issue(lab.folder / "pki", "sip-install", hosts=(ADDRESS,))
    for kind in ("pem", "key"):
        machine.write(f"/etc/voice-sip-host/tls/own.{kind}", (lab.folder / "pki" / f"sip-install.{kind}").read_text())
    machine.run("chown", "-R", "voice-sip-edge", "/etc/voice-sip-host/tls")
    authority = "/etc/voice-sip-host/ca.pem"
    machine.write(authority, (lab.folder / "pki" / "ca.pem").read_text())
    settings = {f"VOICE_SIP_{name}_PORT": port for name, port in PORTS.items()} | {
        "VOICE_SIP_HOST": CLIENT,
        "VOICE_SIP_ADDRESS": ADDRESS,
        "VOICE_SIP_EDGE": f"[::1]:{EDGE_PORT}",
        "VOICE_SIP_TLS_CERTIFICATE": "/etc/voice-sip-host/tls/own.pem",
        "VOICE_SIP_TLS_KEY": "/etc/voice-sip-host/tls/own.key",
        "VOICE_SIP_TLS_CA": authority,
        "VOICE_SIP_CLIENTS": CLIENT,
        "VOICE_RTP_PORTS": "40000-40998",
    }
    own = database_service.environment(lab, "sip", host=lab.database_address) | {"VOICE_MYSQL_TLS_CA": authority}
    for name, values in (("sip.env", settings), ("database.env", own)):
        path = f"/etc/voice-sip-host/{name}"
        machine.write(path, machine.run("cat", path) + "".join(f"{key}='{value}'\n" for key, value in values.items()))
    return machine


def test_without_settings_it_installs_starts_nothing_and_says_what_to_fill_in(machine: Machine, installed: str):
    assert "installed, not started" in installed
    assert "VOICE_SIP_ADDRESS" in installed
    assert "ERROR" not in installed
    modes = machine.run(
        "stat",
        "-c",
        "%n %a %U",
        *(f"/etc/voice-sip-host/{name}" for name in ("sip.env", "database.env", "credentials.toml", "call.key")),
    )
    owners = ["root", "root", "voice-sip", "voice-sip"]
    assert [line.split()[1:] for line in modes.splitlines()] == [["600", owner] for owner in owners]
    assert re.fullmatch(r"[0-9a-f]{64}\s*", machine.run("cat", "/etc/voice-sip-host/call.key"))
    sounds = machine.run("ls", "/var/lib/voice-sip-host/audio")
    assert "speech-en.wav" in sounds


@pytest.mark.usefixtures("installed")
def test_systemd_finds_no_fault_in_the_units(machine: Machine):
    units = [f"/etc/systemd/system/{name}.service" for name in ("voice-sipapp", "voice-sip-edge")]
    done = subprocess.run(
        machine.inside("systemd-analyze", "verify", *units), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert "voice-sip" not in done.stderr


def test_nothing_of_this_machine_was_changed(installed: str):
    assert installed
    for path in ("/etc/voice-sip-host", "/opt/voice-sip-host", "/etc/systemd/system/voice-sipapp.service"):
        assert not Path(path).exists()


def test_an_update_keeps_what_the_site_has_set_and_starts_nothing_that_is_wrong(configured: Machine):
    """Outside the SIP host's network, its address is not there: the script's own check finds that."""
    before = configured.run("cat", "/etc/voice-sip-host/sip.env", "/etc/voice-sip-host/database.env")
    done = subprocess.run(configured.inside(str(SCRIPT)), capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 1
    assert "WRONG SIP ports" in done.stdout
    assert "installed, not started" in done.stderr
    assert configured.run("cat", "/etc/voice-sip-host/sip.env", "/etc/voice-sip-host/database.env") == before
    assert len(configured.run("ls", "/opt/voice-sip-host").split()) == 2  # the environment and the link to it


@contextmanager
def edge_running(machine: Machine) -> Iterator[None]:
    """What the edge's unit starts, running."""
    unit = machine.unit("voice-sip-edge")
    # systemd makes this folder for the unit.
    machine.run("install", "-d", "-o", "voice-sip-edge", "/run/voice-sip-edge")
    try:
        commands.run(machine.as_unit("voice-sip-edge", unit["ExecStartPre"][0]))
        processes.start(machine.folder, "edge", machine.as_unit("voice-sip-edge", unit["ExecStart"][0]))
        listening = network.inside(network.second_namespace(machine.lab), "ss", "-Hlnt")
        waiting.until(lambda: f":{PORTS['TLS']} " in commands.run(listening), what="the edge listens", seconds=20)
        yield
    finally:
        processes.stop(machine.folder, "edge", seconds=3)
        machine.run("rm", "-rf", "/run/voice-sip-edge")


def test_the_check_finds_nothing_wrong_where_the_host_stands(configured: Machine):
    with edge_running(configured):
        told = configured.run(str(SCRIPT), "check", network_too=True)
    assert "WRONG" not in told
    assert "database: connected" in told


def falling_to_it(lab: Lab, kind: str) -> str:
    """The name of a probe of this `kind` that the installed host calls: the lab's own shares the plan with it."""
    hosts = [
        leases.Host(CLIENT, ("dialer", "receiver"), (CLIENT,)),
        leases.Host(sip_host.host_name(lab), ("dialer", "receiver")),
    ]
    names = (f"{kind}-{number}" for number in itertools.count())
    return next(name for name in names if leases.holder(leases.Lease(CLIENT, name, "dialer"), hosts) == CLIENT)


@contextmanager
def application_running(machine: Machine) -> Iterator[None]:
    """What the application's unit starts, running, and the edge beside it; the probes of this test go with it."""
    (application,) = machine.unit("voice-sipapp")["ExecStart"]
    with edge_running(machine):
        try:
            processes.start(machine.folder, "sipapp", machine.as_unit("voice-sipapp", application))
            yield
        finally:
            with closing(database_service.connect(machine.lab, "admin")) as connection, connection.cursor() as cursor:
                cursor.execute("DELETE FROM voice_probe WHERE client = %s", (CLIENT,))
            processes.stop(machine.folder, "sipapp")


def test_what_the_units_start_makes_a_call_whose_record_arrives(configured: Machine):
    lab = configured.lab
    answered, busy = (falling_to_it(lab, kind) for kind in ("own", "busy"))
    own = f"sip:+442071838750@[{ADDRESS}]:{PORTS['RECEIVER']}"
    sbc = {"dialer_outbound_proxy": f"sip:[{network.PLAN.address}]:{network.PLAN.port}"}
    rows = [
        plan_row(answered, own, client=CLIENT, uid="install-own", audio="speech-en"),
        plan_row(
            busy, "sip:+442071834486@sbc.acme.example", client=CLIENT, uid="install-busy", audio="speech-en", **sbc
        ),
    ]
    wanted = {(answered, "answered"), (busy, "busy")}
    with (
        application_running(configured),
        closing(database_service.connect(lab, "admin")) as connection,
        connection.cursor() as cursor,
    ):
        for row in rows:
            places = ", ".join(["%s"] * len(row))
            cursor.execute(f"REPLACE INTO voice_probe ({', '.join(row)}) VALUES ({places})", list(row.values()))

        def called() -> bool:
            for name in ("sipapp", "edge"):
                processes.check(configured.folder, name)
            cursor.execute("SELECT probe, disposition FROM voice_call WHERE sip_host = %s", (CLIENT,))
            return wanted <= set(cursor.fetchall())

        hint = f"Logs: {configured.folder}/logs"
        waiting.until(called, what="both probes have been called", seconds=60, hint=hint)
        log = processes.log_tail(configured.folder, "sipapp", 1000)
    assert "no real-time scheduling" not in log
    assert lab.passwords["mysql-sip"] not in log


def test_a_machine_without_systemd_and_with_nothing_on_it_is_told_of_what_is_missing(machine: Machine):
    """As far as the packages: here, apt-get is one that has none."""
    fakes = {"dpkg-query": "exit 1", "apt-get": 'echo "$@" >>/var/asked; exit 100'}
    machine.run("mkdir", "/var/fakes")
    for name, text in fakes.items():
        machine.write(f"/var/fakes/{name}", f"#!/bin/sh\n{text}\n")
        machine.run("chmod", "+x", f"/var/fakes/{name}")
    machine.run("mv", "/usr/bin/systemctl", "/usr/bin/systemctl.away")
    path = "PATH=/var/fakes:/usr/sbin:/usr/bin:/sbin:/bin"
    try:
        with pytest.raises(commands.LabError, match=r"ERROR: apt-get could not install: .*kamailio"):
            machine.run("env", path, str(SCRIPT))
    finally:
        machine.run("mv", "/usr/bin/systemctl.away", "/usr/bin/systemctl")
    assert "install --no-install-recommends" in machine.run("cat", "/var/asked")


@pytest.mark.usefixtures("installed")
def test_uninstalling_keeps_the_sites_own_files_unless_told_otherwise(machine: Machine):
    machine.run(str(SCRIPT), "uninstall")
    assert "sip.env" in machine.run("ls", "/etc/voice-sip-host")
    assert "voice-sip" not in machine.run("ls", "/etc/systemd/system", "/opt", "/etc/sysctl.d")
    machine.run(str(SCRIPT), "uninstall", "all")
    assert "voice-sip" not in machine.run("ls", "/etc", "/var/lib")
    assert "voice-sip" not in machine.run("cat", "/etc/passwd")


def test_the_firewall_rules_of_the_documentation_can_be_loaded(services: Any):
    lab = services.up("network")
    text = (CHECKOUT / "docs" / "sip-host.md").read_text()
    rules = text[text.index("table inet voice_sip_host") :].split("```")[0]
    commands.run(network.inside(network.second_namespace(lab), "nft", "--check", "-f", "-"), stdin=rules)
