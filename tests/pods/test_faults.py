"""What breaks in a cluster: pods, their node, the API server, passwords, certificates, memory. All mends itself."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import pods as labs
from tests.pods.faults_secrets import (
    Authority,
    GrafanaDoor,
    end_connections,
    exchange_certificate,
    put,
    set_grafana_password,
    set_password,
    until_mounted,
)
from tests.pods.faults_world import OPERATOR, PORTAL, SECONDS, World
from tests.pods.load import under_load
from voice_lab import evidence, processes, stack, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.pods import NAMESPACE
from voice_lab.services import chart, cluster, database, node, portal

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]

CLIENT = "faulty"
ENGINEER = f"engineer@{CLIENT}"
GRAFANA_REMEMBERS_SECONDS = 6
"""For 5 s Grafana may use a datasource as it was before; nothing tells when that is over."""
TOLD_OF_THE_OLD_ONE = "which is refused: the one before it still works"


@pytest.fixture(scope="module")
def door() -> Iterator[GrafanaDoor]:
    """A lab whose pods reach Grafana by TLS, with an authority of its own; as a door to it."""
    with labs.running("faults", ("schema", "grafana", "doors", "images")) as lab, pytest.MonkeyPatch.context() as patch:
        way = GrafanaDoor(lab, Authority(lab.folder / "grafana-pki"))
        values = chart.values(lab)
        values["grafana"] |= {"url": way.url, "caConfigMap": "voice-grafana-ca"}
        patch.setattr(chart, "values", lambda _: values)
        chart.prepare(lab)
        body = {"kind": "ConfigMap", "metadata": {"name": "voice-grafana-ca", "namespace": NAMESPACE}}
        cluster.apply(lab, json.dumps({"apiVersion": "v1", **body, "data": {"ca.pem": way.authority.pem}}))
        stack.up(lab, ("operator", "portal"))
        yield way


@pytest.fixture(scope="module")
def ready(door: GrafanaDoor) -> World:
    """The chart is installed, a client has a probe, and an engineer of it a login."""
    world = World(door.lab, CLIENT)
    cluster.apply(world.lab, json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CLIENT}}))
    world.open_to_its_engineers()
    world.works("first")
    portal.add_user(world.lab, ENGINEER, CLIENT)
    return world


@pytest.fixture
def world(ready: World) -> Iterator[World]:
    """The same, with all pods ready; and after the test they are so again, by themselves."""
    ready.until_ready()
    yield ready
    ready.until_ready()


@pytest.fixture
def unbroken(world: World) -> Iterator[World]:
    """The same; no container is started anew, and no pod is another one, after the test."""
    before = world.restarts()
    yield world
    assert world.restarts() == before


# --- pods ---------------------------------------------------------------------------------------------------------


def test_another_replica_leads_when_the_leader_is_killed_and_nothing_is_written_twice(world: World) -> None:
    holder, killed = world.holder(), world.leader()
    renewed = world.lease()["renewTime"]
    world.kill(killed, "operator")
    world.declare("while-nobody-led")
    assert world.until_led(not_by=holder) != killed, "the one that stood by was quicker than a restart"
    assert world.lease()["acquireTime"] > renewed
    world.wait_for("while-nobody-led")
    world.until_ready()
    world.assert_written_once()


def test_a_leader_that_is_deleted_by_force_is_replaced(world: World) -> None:
    holder, deleted = world.holder(), world.leader()
    world.kubectl("delete", "pod", deleted, "--force", "--grace-period=0")
    world.declare("while-one-was-deleted")
    assert world.until_led(not_by=holder) != deleted
    world.wait_for("while-one-was-deleted")
    world.assert_written_once()


def test_of_a_portal_pod_that_is_killed_only_what_was_on_its_way_to_it_is_lost(world: World) -> None:
    """Lost may be what was asked before the node's routes lead to that pod no more, and nothing else."""
    pod = world.pods(PORTAL)[0]
    before = world.restarts()
    with under_load(world.lab, ENGINEER) as load:
        waiting.until(lambda: load.answered_since(0) > 20, what="people use the portal", seconds=SECONDS)
        killed = time.monotonic()
        world.kill(pod["metadata"]["name"])
        waiting.until(lambda: not world.leads_to(pod), what="the pod is taken out of the Service", seconds=SECONDS)
        taken_out = time.monotonic()
        world.until_ready()
        waiting.until(lambda: world.leads_to(pod), what="the pod is put back", seconds=SECONDS)
        back = time.monotonic()
        waiting.until(lambda: load.answered_since(back) > 50, what="people use both pods", seconds=SECONDS)
    lost = load.lost()
    meanwhile = sum(killed <= each.began < taken_out for each in load.requests)
    print(f"{len(lost)} of {meanwhile} lost in {taken_out - killed:.1f} s, of {len(load.requests)} in all")  # noqa: T201
    assert [each for each in lost if each.began >= taken_out] == []
    assert len(lost) < meanwhile, "the other pod answered"
    again = {each.name: count - before[each] for each, count in world.restarts().items() if each.uid == _uid(pod)}
    assert again == {"portal": 1, "proxy": 1}


def test_pods_that_are_drained_go_one_by_one_and_no_request_is_lost(world: World) -> None:
    leader, holder = world.leader(), world.holder()
    to_go = {*world.names(OPERATOR), *world.names(PORTAL)}
    refused: list[str] = []

    def is_gone(pod: str) -> bool:
        """Ask for a pod's eviction, as `kubectl drain` does every 5 s, until it is gone."""
        try:
            world.evict(pod)
        except LabError as error:
            if "NotFound" in str(error):
                return True
            if "disruption budget" not in str(error):
                raise
            refused.append(pod)
        return False

    with under_load(world.lab, ENGINEER) as load:
        waiting.until(
            lambda: all({pod: is_gone(pod) for pod in to_go}.values()), what="all pods are evicted", seconds=2 * SECONDS
        )
        world.until_ready()
    assert load.lost() == []
    assert refused
    assert not to_go & {*world.names(OPERATOR), *world.names(PORTAL)}
    assert world.until_led(not_by=holder) != leader


def _uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


# --- the node and the API server ----------------------------------------------------------------------------------


def test_a_kubelet_that_is_restarted_takes_nothing_with_it(unbroken: World) -> None:
    holder = unbroken.holder()
    with under_load(unbroken.lab, ENGINEER) as load:
        node.restart(unbroken.lab, "kubelet")
        before = unbroken.heartbeat()
        waiting.until(lambda: unbroken.heartbeat() != before, what="the new kubelet reports", seconds=SECONDS)
        unbroken.works("after-the-kubelet")
        assert unbroken.are_ready()
    assert load.lost() == []
    assert unbroken.holder() == holder


def test_an_api_server_that_is_away_costs_the_lease_and_no_restart(unbroken: World) -> None:
    """It hangs, as if the network were cut, until the leader has given up: longer than a Lease is renewed."""
    lab, holder, log = unbroken.lab, unbroken.holder(), unbroken.log_file(unbroken.leader())
    with under_load(lab, ENGINEER) as load:
        with _suspended(lab, "kube-apiserver"):
            told = "is the leader no more: it could not renew its Lease"
            waiting.until(lambda: told in log.read_text(), what="the leader gives up", seconds=SECONDS)
            away = time.monotonic()
            waiting.until(lambda: load.answered_since(away) > 50, what="people use the portal", seconds=SECONDS)
        unbroken.until_led(not_by=holder)
        unbroken.works("after-the-api-server")
    assert load.lost() == []


@contextmanager
def _suspended(lab: Lab, program: str) -> Iterator[None]:
    """Let a program of the lab stand still."""
    for pid in processes.members(lab.folder, program):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes.members(lab.folder, program):
            os.kill(pid, signal.SIGCONT)


def test_a_node_that_loses_everything_at_once_has_all_back_by_itself(world: World) -> None:
    holder, before = world.holder(), world.restarts()
    world.kill_tasks(*world.tasks())
    node.restart(world.lab, "kubelet")
    world.until_led(not_by=holder)
    world.works("after-the-node")
    world.until_ready()
    again = {each: count - before[each] for each, count in world.restarts().items()}
    assert again.keys() == before.keys(), "the pods are the same"
    assert set(again.values()) <= {1, 2}, "once, or once more where the kubelet had begun before it knew of all"
    with closing(evidence.sign_in(world.lab, ENGINEER)) as browser:
        assert evidence.query(browser, "SELECT 1 AS one") == [{"one": 1}]


# --- passwords ----------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(unbroken: World) -> Iterator[httpx.Client]:
    """A browser in which the client's engineer is signed in."""
    with closing(evidence.sign_in(unbroken.lab, ENGINEER)) as browser:
        yield browser


def shows_all(browser: httpx.Client) -> bool:
    """Whether the portal shows its pages and dashboards' data, whichever pod is asked."""
    headers = {"Connection": "close"}
    home = f"/c/{CLIENT}/"
    pages = [browser.get(page, headers=headers) for page in (home, f"{home}trends/", "/healthz/database") * 4]
    rows = [evidence.query(browser, "SELECT 1 AS one") for _ in range(4)]
    return all(page.status_code == httpx.codes.OK and not page.history for page in pages) and rows == [[{"one": 1}]] * 4


def test_a_password_of_mysql_that_is_exchanged_in_the_secret_first_is_missed_by_nobody(
    unbroken: World, browser: httpx.Client
) -> None:
    for account, deployment in (("portal", PORTAL), ("operator", OPERATOR)):
        password = secrets.token_urlsafe(18)
        put(unbroken, "secret", "voice-mysql", **{account: password})
        until_mounted(unbroken, deployment, "mysql-password", "password", password)
        end_connections(unbroken.lab, f"voice_{account}")
        assert shows_all(browser)
        unbroken.works(f"before-the-{account}s-account")
        assert TOLD_OF_THE_OLD_ONE in unbroken.logs(deployment)
        set_password(unbroken.lab, f"voice_{account}", password)
        assert shows_all(browser)
        unbroken.works(f"after-the-{account}s-account")
        assert password not in unbroken.logs(deployment)
    for deployment in (PORTAL, OPERATOR):
        assert "refuses the login" not in unbroken.logs(deployment)


def test_a_password_of_mysql_that_is_exchanged_at_the_server_first_is_used_once_it_is_mounted(
    unbroken: World, browser: httpx.Client
) -> None:
    for account, deployment in (("portal", PORTAL), ("operator", OPERATOR)):
        password = secrets.token_urlsafe(18)
        set_password(unbroken.lab, f"voice_{account}", password)
        put(unbroken, "secret", "voice-mysql", **{account: password})
        until_mounted(unbroken, deployment, "mysql-password", "password", password)
        assert shows_all(browser)
    unbroken.works("after-both-accounts")
    unbroken.until_ready()


def test_a_password_of_grafanas_administrator_is_used_once_it_is_mounted(
    unbroken: World, browser: httpx.Client
) -> None:
    password = secrets.token_urlsafe(18)
    set_grafana_password(unbroken.lab, password)
    put(unbroken, "secret", "voice-grafana", password=password)
    until_mounted(unbroken, OPERATOR, "grafana-admin", "password", password)
    unbroken.works("after-the-administrator")
    assert shows_all(browser)


def test_sessions_outlive_the_portals_key_while_the_old_one_stands_beside_it(
    unbroken: World, browser: httpx.Client
) -> None:
    old, new = unbroken.secret("voice-portal", "secret-key"), secrets.token_urlsafe(48)
    put(unbroken, "secret", "voice-portal", **{"secret-key": new, "secret-key-previous": old})
    until_mounted(unbroken, PORTAL, "keys", "secret-key", new)
    assert shows_all(browser)
    put(unbroken, "secret", "voice-portal", **{"secret-key-previous": None})
    until_mounted(unbroken, PORTAL, "keys", "secret-key-previous", None)
    assert shows_all(browser), "the session was signed anew when it was used"
    put(unbroken, "secret", "voice-portal", **{"secret-key": old})
    until_mounted(unbroken, PORTAL, "keys", "secret-key", old)
    assert "/login/" in str(browser.get("/").url), "a key alone makes all sign in again"


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_a_clients_own_password_is_exchanged_by_its_secret_alone(
    unbroken: World, browser: httpx.Client, how: str
) -> None:
    name = f"voice-client-{CLIENT}"
    old = unbroken.secret(name, "password")
    if how == "deleted":
        unbroken.kubectl("delete", "secret", name)
    else:
        put(unbroken, "secret", name, password=secrets.token_urlsafe(18))

    def is_exchanged() -> bool:
        password = unbroken.secret(name, "password")
        return password not in ("", old) and unbroken.reads(password) and not unbroken.reads(old)

    waiting.until(is_exchanged, what="the account has the new password", seconds=SECONDS)
    waiting.until(lambda: _is_shown(browser), what="the datasource has the new password", seconds=SECONDS)


def _is_shown(browser: httpx.Client) -> bool:
    try:
        return shows_all(browser)
    except LabError:  # that of a query which fails
        return False


# --- certificates -------------------------------------------------------------------------------------------------


def test_another_authority_of_the_databases_certificate_costs_nothing_if_both_are_trusted_first(
    unbroken: World, browser: httpx.Client, tmp_path: Path
) -> None:
    old, new = database.authority(unbroken.lab).read_text(), Authority(tmp_path)
    _trust_database(unbroken, old + new.pem)
    exchange_certificate(unbroken.lab, new)
    for account in ("voice_portal", "voice_operator"):
        end_connections(unbroken.lab, account)
    assert shows_all(browser)
    _trust_database(unbroken, new.pem)
    unbroken.works("by-the-new-authority")
    assert shows_all(browser)
    for deployment in (PORTAL, OPERATOR):
        assert "is not trusted" not in unbroken.logs(deployment)


def _trust_database(world: World, pem: str) -> None:
    """Have pods, and at the next resync Grafana's datasource, trust these authorities."""
    before = world.datasource()
    put(world, "configmap", "voice-mysql-ca", **{"ca.pem": pem})
    for deployment in (PORTAL, OPERATOR):
        until_mounted(world, deployment, "mysql-ca", "ca.pem", pem)
    waiting.until(lambda: world.datasource() != before, what="the datasource is written", seconds=SECONDS)
    time.sleep(GRAFANA_REMEMBERS_SECONDS)


def test_another_authority_of_grafanas_certificate_costs_nothing_if_both_are_trusted_first(
    unbroken: World, browser: httpx.Client, door: GrafanaDoor, tmp_path: Path
) -> None:
    old, new = door.authority, Authority(tmp_path)
    _trust_grafana(unbroken, old.pem + new.pem)
    assert shows_all(browser)
    unbroken.works("before-grafanas-new-authority")
    door.open(new)
    assert shows_all(browser)
    unbroken.works("by-grafanas-new-authority")
    _trust_grafana(unbroken, new.pem)
    assert shows_all(browser)
    unbroken.works("after-grafanas-new-authority")
    assert "is not trusted" not in unbroken.logs(OPERATOR)


def _trust_grafana(world: World, pem: str) -> None:
    """Have operator and proxy trust these authorities, and wait until each proxy has noticed."""
    before = world.proxy_workers()
    put(world, "configmap", "voice-grafana-ca", **{"ca.pem": pem})
    for deployment in (PORTAL, OPERATOR):
        until_mounted(world, deployment, "grafana-ca", "ca.pem", pem)
    waiting.until(lambda: not before & world.proxy_workers(), what="the proxies have read it", seconds=SECONDS)


# --- memory -------------------------------------------------------------------------------------------------------


def test_too_little_memory_says_so_in_the_pods_status_and_replaces_nothing_that_works(world: World) -> None:
    serving = world.restarts()
    little = [
        f"--set={part}.resources.{what}.memory={size}"
        for part in ("operator", "portal")
        for what, size in (("limits", "40Mi"), ("requests", "16Mi"))
    ]
    try:
        with under_load(world.lab, ENGINEER) as load:
            # Without its hooks: the migration has the portal's limit, and would end the upgrade before anything else.
            cluster.helm(
                world.lab, "upgrade", chart.RELEASE, str(chart.CHART), "-n", NAMESPACE, "--reuse-values", "--no-hooks",
                "--skip-crds", *little,
            )  # fmt: skip
            for deployment in (OPERATOR, PORTAL):
                waiting.until(lambda: "OOMKilled" in world.ends(deployment), what="it is killed", seconds=SECONDS)  # noqa: B023
            world.works("while-there-is-too-little-memory")
        assert load.lost() == []
        assert {each: count for each, count in world.restarts().items() if each in serving} == serving
    finally:
        cluster.helm(world.lab, "rollback", chart.RELEASE, "-n", NAMESPACE, "--no-hooks")
    world.until_ready()
    assert world.restarts() == serving
