"""docs/install.md, tried as a new user would: every block of shell on it, in its order, in an empty namespace.

The tests build on each other, as the page does. What the page leaves to the user is done between its sections:
passwords of administrators, Grafana's settings, a load balancer, a SIP host.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
import yaml

from tests import chart as chart_tool
from tests import pods as pods_tool
from tests.pods.install_page import PAGE, User, blocks
from voice_lab import evidence, stack, waiting
from voice_lab.context import Lab
from voice_lab.node import plan
from voice_lab.services import cluster, database, doors, grafana

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]

NAMESPACE, CLIENT, PROBE, STAFF = "voice-quality", "acme", "inbound-sales", "staff"
CALL_SECONDS = 90


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """What there must be: a cluster with the images, MySQL. Nothing of the product runs."""
    with pods_tool.running("install", ("images", "database", "doors")) as lab:
        yield lab


@pytest.fixture(scope="module")
def user(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A new user of this lab, with helm 4."""
    here = f"127.0.0.1:{lab.ports['mysql']}"
    probe = yaml.safe_load((PAGE.parents[1] / "examples" / "acme-inbound-sales.yaml").read_text())["spec"]
    return User(
        home=tmp_path_factory.mktemp("home"),
        kubeconfig=lab.admin_kubeconfig,
        helm=chart_tool.program("helm 4"),
        values={
            "REGISTRY": "",
            "MYSQL_HOST": plan.HOST_NAME,
            "MYSQL_PORT": str(lab.ports["mysql"]),
            "MYSQL_ADMIN": database.user("admin"),
            "GRAFANA_MYSQL": here,
            "GRAFANA_URL": f"http://{plan.HOST_NAME}:{lab.ports['grafana']}/grafana",
            "GRAFANA_ADMIN": grafana.administrator(lab)[0],
            "PORTAL_URL": lab.portal_url,
            "DIALER": probe["dialer"]["address"],
            "NEXT_HOP": probe["dialer"]["outboundProxy"],
            "DESTINATION": probe["destination"],
            "RECEIVER": probe["receiver"]["address"],
            "NUMBER": "+442071838750",
        },
        # This machine does not know the name by which pods know it.
        corrections={"host=$MYSQL_HOST": "host=127.0.0.1"},
        direct={name: text for name, text in cluster.environment(lab).items() if name.lower() == "no_proxy"},
    )


def write_what_only_they_know(lab: Lab, user: User) -> None:
    (user.folder / "mysql-admin").write_text(lab.passwords["mysql-admin"] + "\n")
    (user.folder / "grafana-admin").write_text(grafana.administrator(lab)[1] + "\n")
    shutil.copy(database.authority(lab), user.folder / "mysql-ca.pem")


def set_up_grafana(lab: Lab, user: User) -> None:
    """Give Grafana the page's key set; the lab has all its other settings."""
    shutil.copy(user.folder / "jwks.json", lab.folder / "pki" / "portal-jwks.json")
    stack.up(lab, ("grafana",))


def start_sip_hosts(lab: Lab, user: User) -> None:
    """Start the lab's SIP hosts, which log in with the password that the page made."""
    for account in database.ACCOUNTS:
        lab.passwords[f"mysql-{account}"] = (user.folder / f"mysql-{account}").read_text().strip()
    stack.up(lab, ("sip_host",))


def signed_in(lab: Lab, user: User) -> httpx.Client:
    """A browser in which somebody has logged in as the page says."""
    password = (user.folder / "staff").read_text().splitlines()[1]
    browser = httpx.Client(base_url=lab.portal_url, timeout=evidence.TIMEOUT, follow_redirects=True)
    browser.get("/login/local/").raise_for_status()
    form = {"username": STAFF, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    assert browser.post("/login/local/", data=form).url.path == "/c/"
    shown = browser.get(f"/c/{CLIENT}/dashboards/voice-overview/", follow_redirects=False)
    # Staff may see several clients: a page of Grafana's says whose it is.
    browser.headers["X-Grafana-Org-Id"] = shown.headers["Location"].partition("orgId=")[2].partition("&")[0]
    return browser


def whole_calls(browser: httpx.Client) -> list[evidence.Row]:
    """The client's answered calls, as Grafana tells them by way of the portal."""
    return [row for row in evidence.calls(browser) if row["disposition"] == "answered"]


def test_names_secrets_accounts_and_keys_are_made_by_copying(lab: Lab, user: User) -> None:
    assert "yes" in user.follow("What there must be")
    user.follow("Names")
    write_what_only_they_know(lab, user)
    user.follow("Secrets")
    made = user.follow("MySQL")
    assert made.count("is ready") == len(database.ACCOUNTS)
    user.follow("Grafana")
    assert [key["kid"] for key in json.loads((user.folder / "jwks.json").read_text())["keys"]] == ["voice-portal"]
    left = cluster.kubectl(lab, "get", "pods,secrets", "-n", NAMESPACE, "-o", "name").split()
    assert left == [f"secret/voice-{name}" for name in ("grafana", "mysql", "portal")]


def test_the_folder_and_its_secrets_are_the_users_alone(user: User) -> None:
    assert user.folder.stat().st_mode & 0o077 == 0
    drawn = [user.folder / name for name in ("mysql-owner", "secret-key", "grafana-jwt.pem")]
    assert [path.stat().st_mode & 0o077 for path in drawn] == [0, 0, 0]


def test_the_chart_is_installed_and_its_own_test_is_passed(lab: Lab, user: User) -> None:
    set_up_grafana(lab, user)
    told = user.follow("Install")
    assert "Succeeded" in told
    assert told.count("2/2") == 2, "the portal's pods"
    assert told.count("1/1") == 2, "the operator's"


def test_the_first_call_is_made(lab: Lab, user: User) -> None:
    start_sip_hosts(lab, user)
    told = user.follow("The first client, and its first call")
    assert PROBE in told
    assert "True" in told


def test_the_staff_see_the_call_in_the_portals_pod(lab: Lab, user: User) -> None:
    assert f"{STAFF} may log in" in user.follow("Logins")
    doors.open_to(lab, NAMESPACE, "voice-quality-portal")
    with closing(signed_in(lab, user)) as browser:
        assert "Inbound sales line" in browser.get(f"/c/{CLIENT}/").raise_for_status().text
        assert "Answered" in browser.get(f"/c/{CLIENT}/probes/{PROBE}/").raise_for_status().text
        assert whole_calls(browser)


def test_an_upgrade_and_its_rollback_keep_all_of_it(lab: Lab, user: User) -> None:
    with closing(signed_in(lab, user)) as browser:
        before = whole_calls(browser)
        assert "has been upgraded" in user.follow("Upgrade")
        assert browser.get(f"/c/{CLIENT}/").url.path == f"/c/{CLIENT}/", "still logged in"
        assert len(whole_calls(browser)) >= len(before)


@pytest.fixture(scope="module")
def saved(lab: Lab, user: User) -> set[str]:
    """The calls that there were when the page's back-up was made."""
    assert "Dump completed" in user.give(blocks(PAGE.read_text())["Back-up and restore"][0])
    with closing(signed_in(lab, user)) as browser:
        return {row["uuid"] for row in whole_calls(browser)}


def test_whoever_wants_to_be_rid_of_everything_is(lab: Lab, user: User, saved: set[str]) -> None:
    uninstall, before, after = blocks(PAGE.read_text())["Uninstall"]
    user.give(before)
    waiting.until(lambda: planned(lab) == 0, what="the operator has emptied the plan", seconds=60)
    user.give(uninstall)
    user.give(after)
    cluster.kubectl(lab, "delete", "namespace", CLIENT)
    kinds = "crds,namespaces,clusterroles,clusterrolebindings"
    left = cluster.kubectl(lab, "get", kinds, "-o", "name").split()
    assert [name for name in left if "voice" in name] == []
    empty_the_servers(lab)


def test_what_was_saved_is_restored_into_an_empty_cluster_by_the_other_helm(
    lab: Lab, user: User, saved: set[str]
) -> None:
    _, make, install = blocks(PAGE.read_text())["Back-up and restore"]
    user.give(make)
    user.helm = chart_tool.program("helm 3")
    user.give(install)
    doors.open_to(lab, NAMESPACE, "voice-quality-portal")
    with closing(signed_in(lab, user)) as browser:
        assert saved <= {row["uuid"] for row in whole_calls(browser)}
        waiting.until(
            lambda: len(whole_calls(browser)) > len(saved),
            what="calls go on, and their records come",
            seconds=CALL_SECONDS,
        )


def planned(lab: Lab) -> int:
    """How many probes are in the plan."""
    with database.connect(lab, "admin") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM voice_probe")
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def empty_the_servers(lab: Lab) -> None:
    """Take the database, with its accounts, and all that Grafana knows."""
    with database.connect(lab, "admin", database=None) as connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE voice")
        cursor.execute("SELECT user FROM mysql.user WHERE user LIKE 'voice\\_%' OR user LIKE 'vc\\_%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP USER '{name}'@'%'")
    grafana.stop(lab)
    grafana.forget(lab)
    grafana.start(lab)
    waiting.until(lambda: grafana.healthy(lab), what="Grafana is empty again", seconds=60)


def test_every_block_of_the_page_was_given(user: User) -> None:
    assert set(user.done) == {block for each in blocks(PAGE.read_text()).values() for block in each}
