"""The life of a release in a real cluster, in this order: each test goes on with what the ones before it left.

The last version is installed (helm 3), used, upgraded to this version under load (helm 4), rolled back under load and
uninstalled (helm 3), and this version installed over what stayed (helm 4). Both lines of helm handle one release.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests import pods
from tests.pods import last_version, records
from tests.pods.load import under_load
from tests.pods.long_requests import asking_long_questions
from voice_lab import browser, evidence, places, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.images import names
from voice_lab.pods import NAMESPACE
from voice_lab.services import chart, cluster, doors, examples, grafana, portal

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]

CLIENTS = ("acme", "globex")
ENGINEER = "engineer-of-acme"
"""The login of acme's voice engineer, whom the reading back of the first calls makes."""
LEFT = {
    "apiservice.apiregistration.k8s.io/v1alpha1.voicequality.io": "CRDs",  # the API server makes it of them
    "customresourcedefinition.apiextensions.k8s.io/numberallotments.voicequality.io": "CRDs",
    "customresourcedefinition.apiextensions.k8s.io/voiceclients.voicequality.io": "CRDs",
    "customresourcedefinition.apiextensions.k8s.io/voiceprobes.voicequality.io": "CRDs",
    "numberallotment.voicequality.io/acme": "NumberAllotment",
    "numberallotment.voicequality.io/globex": "NumberAllotment",
    "clusterrole.rbac.authorization.k8s.io/voice-quality-receivers": "ClusterRole `voice-quality-receivers`",
    "job.batch/voice-quality-migrate": "Job `voice-quality-migrate`",
    "pod/voice-quality-migrate": "Job `voice-quality-migrate`",
    "pod/voice-quality-test": "Pod `voice-quality-test`",
    "lease.coordination.k8s.io/voice-quality-operator": "Lease `voice-quality-operator`",
    "secret/voice-client-acme": "`voice-client-…`",
    "secret/voice-client-globex": "`voice-client-…`",
    "secret/voice-fleet": "Secrets `voice-fleet`",
}
"""What `helm uninstall` leaves, and the words for it in docs/install.md."""
PAGE = places.CHECKOUT / "docs" / "install.md"
RECEIVER = {"spec": {"receivers": [{"name": "noc", "email": {"addresses": ["noc@acme.example"]}}]}}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Life:
    """A cluster with all that the chart needs, as whoever installs it has it.

    Attributes:
        last: the chart of the last version.
        before: every object of the cluster before the first installation.
        removed: tells which rows were ever taken out of the plan.
    """

    lab: Lab
    last: Path
    before: set[str]
    removed: Callable[[], list[tuple[str, str]]]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return cluster.kubectl(self.lab, *arguments, stdin=stdin)

    def probes(self) -> dict[tuple[str, str], str]:
        """The uids of all VoiceProbes."""
        found = json.loads(self.kubectl("get", "voiceprobes", "-A", "-o", "json"))["items"]
        return {(one["metadata"]["namespace"], one["metadata"]["name"]): one["metadata"]["uid"] for one in found}

    def calls(self, client: str) -> set[str]:
        """The client's calls that have a record."""
        query = f"SELECT LOWER(HEX(uuid)) FROM voice_call WHERE client = '{client}'"
        return {call for (call,) in records.rows(self.lab, query)}

    def in_grafana(self, client: str) -> dict[str, Any]:
        """What the client's organisation has, by uid: with the ids that Grafana gave it when it was made."""
        with self.administrator(client) as admin:
            lists = {
                "dashboards": "/api/search?type=dash-db",
                "datasources": "/api/datasources",
                "alert rules": "/api/v1/provisioning/alert-rules",
            }
            answers = {what: admin.get(path).raise_for_status().json() for what, path in lists.items()}
            return {what: {one["uid"]: one["id"] for one in found} for what, found in answers.items()}

    def contact_points(self, client: str) -> set[str]:
        """Names of the client's contact points; Grafana has none to tell for some seconds after it got to know it."""
        with self.administrator(client) as admin:
            found = admin.get("/api/v1/provisioning/contact-points").raise_for_status().json()
            return {one["name"] for one in found}

    @contextmanager
    def administrator(self, client: str) -> Iterator[httpx.Client]:
        """Grafana's administrator, in the client's organisation."""
        with httpx.Client(base_url=self.lab.grafana_url, auth=grafana.administrator(self.lab), timeout=20) as admin:
            org = admin.get(f"/api/orgs/name/{client}").raise_for_status().json()["id"]
            admin.headers["X-Grafana-Org-Id"] = str(org)
            yield admin

    def password(self, client: str) -> str:
        """The password of the client's read account, encoded."""
        return self.kubectl(
            "get", "secret", f"voice-client-{client}", "-n", NAMESPACE, "-o", "jsonpath={.data.password}"
        )


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A cluster in which nothing is installed."""
    with pods.running("life", ("sip_host", "grafana", "doors", "images")) as lab:
        chart.prepare(lab)
        last = last_version.last_version(lab, tmp_path_factory.mktemp("last"))
        yield Life(lab, last, last_version.inventory(lab), records.watch_the_plan(lab))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as program:
        yield program


def assert_all_run(lab: Lab, version: str) -> None:
    """Two pods of each part, of this version, ready, never restarted."""
    present = [pod for pod in last_version.chart_pods(lab) if "deletionTimestamp" not in pod["metadata"]]
    images = [container["image"] for pod in present for container in pod["spec"]["containers"]]
    ours = sorted(image for image in images if "nginx" not in image)
    assert ours == sorted(f"{name}:{version}" for name in names.TARGETS for _ in "ab")
    for pod in present:
        found = pod["status"]["containerStatuses"]
        assert [one["name"] for one in found if not one["ready"] or one["restartCount"]] == []


def test_an_installation_ends_with_pods_that_are_ready_and_have_no_rights_on_their_node(life: Life) -> None:
    began = time.monotonic()
    said = last_version.install(life.lab, "helm 3", life.last)
    log.info("from helm install to all pods ready: %.1f s", time.monotonic() - began)
    assert f"Voice Quality Reporting {last_version.LAST} is in the namespace {NAMESPACE}" in said
    assert_all_run(life.lab, last_version.LAST)
    look = "import os; print(os.getuid(), os.getgid(), os.access('/', os.W_OK), os.statvfs('/').f_flag & os.ST_RDONLY)"
    where = ("exec", "-n", NAMESPACE)
    for part in ("operator", "portal"):
        told = life.kubectl(*where, f"deployment/voice-quality-{part}", "-c", part, "--", "python", "-c", look)
        assert told.split() == ["10001", "10001", "False", "1"]
    proxy = life.kubectl(
        *where, "deployment/voice-quality-portal", "-c", "proxy", "--", "sh", "-c", "id -u; touch /x 2>&1 || id -g"
    )
    assert proxy.split()[0] == proxy.split()[-1] == "10001"
    assert "Read-only file system" in proxy


def test_what_is_applied_is_planned_shown_and_judged(life: Life) -> None:
    life.kubectl("apply", "-f", str(examples.FOLDER))
    life.kubectl(
        "wait", "voiceprobes,voiceclients,numberallotments", "--all", "-A", "--for=condition=Ready", "--timeout=50s"
    )
    probes = life.probes()
    assert len(probes) == 10
    assert records.planned(life.lab) == set(probes)
    for client in CLIENTS:
        shown = life.in_grafana(client)
        dashboards = {f"vp-{uid.replace('-', '')}" for (namespace, _), uid in probes.items() if namespace == client}
        assert set(shown["dashboards"]) == dashboards | {"voice-overview"}
        assert set(shown["datasources"]) == {"voice-client"}
        assert len(shown["alert rules"]) == 12


def test_calls_come_back_through_the_portals_pods(life: Life) -> None:
    doors.open_to(life.lab, NAMESPACE, portal.NAME)
    assert_calls_are_read_back(life.lab)
    assert records.assert_no_record_is_lost(life.lab) > 0


def assert_calls_are_read_back(lab: Lab) -> None:
    """Each client's engineer finds whole calls of each probe, ended as the example says."""
    expectations = examples.expectations(lab)
    enough = evidence.EXPECTED_CALLS * len(expectations)
    waiting.until(lambda: len(records.recorded(lab)) >= enough, what="calls have records", seconds=90)
    browsers = [evidence.engineer(lab, client) for client in CLIENTS]

    def all_met() -> bool:
        found = [row for one in browsers for row in evidence.whole_calls(one)]
        return all(expectation.met_by(found) for expectation in expectations)

    try:
        waiting.until(all_met, what="calls of every probe are read back through Grafana", seconds=180)
    finally:
        for one in browsers:
            one.close()


def test_a_browser_shows_an_engineer_the_calls_and_dashboards_of_the_client_and_no_others(
    life: Life, chromium: Browser
) -> None:
    with closing(chromium.new_context()) as context:  # type: ignore[type-var]
        page = context.new_page()
        browser.sign_in(life.lab, page, ENGINEER)
        assert page.get_by_text("Inbound sales line").count()
        assert not page.get_by_text("Overseas").count()
        page.goto(f"{life.lab.portal_url}/c/acme/probes/inbound-sales/")
        page.frame_locator("iframe").get_by_role("heading", name="MOS").first.wait_for()
        uid = life.probes()["acme", "inbound-sales"].replace("-", "")
        assert f"/d/vp-{uid}/" in (page.locator("iframe").get_attribute("src") or "")
        page.locator("#recent-calls tbody a").first.click()
        page.get_by_role("heading", name="Call of").wait_for()
        foreign = life.probes()["globex", "overseas"].replace("-", "")
        for path in (
            "/c/acme/probes/overseas/",
            "/c/globex/probes/overseas/",
            f"/grafana/api/dashboards/uid/vp-{foreign}",
        ):
            assert page.request.get(life.lab.portal_url + path).status == httpx.codes.NOT_FOUND
        assert page.request.get(f"{life.lab.portal_url}/grafana/api/dashboards/uid/vp-{uid}").ok


def test_helm_test_passes(life: Life) -> None:
    assert "Succeeded" in last_version.helm(life.lab, "helm 3", "test", last_version.RELEASE)


def test_an_upgrade_changes_nothing_until_the_crds_are_brought_up(life: Life) -> None:
    patch = ("patch", "voiceclient", "client", "-n", "acme", "--type=merge", "-p", json.dumps(RECEIVER))
    field = ("get", "voiceclient", "client", "-n", "acme", f"-o=jsonpath={{.spec.{last_version.LACKING}}}")
    life.kubectl(*patch)
    assert not life.kubectl(*field), "an older CRD drops what it does not know"
    older = r"older \(revision \d+\) than this chart needs \(\d+\), and helm upgrades none; first: helm show crds"
    with pytest.raises(LabError, match=older):
        last_version.upgrade(life.lab, "helm 4", chart.CHART)
    assert_all_run(life.lab, last_version.LAST)
    last_version.bring_up_crds(life.lab, "helm 4", chart.CHART)
    life.kubectl(*patch)
    assert "noc@acme.example" in life.kubectl(*field)


@contextmanager
def everything_goes_on(life: Life, what: str) -> Iterator[None]:
    """See that, while the pods are exchanged, each request is answered, each call recorded, and the plan stays.

    A request counts as failed that was not answered with 200: no connection, none left open for it, a time-out, another
    status (a signed-in session that is lost answers with the way to the login). None may fail, not even those that were
    under way on a connection to a pod that went.
    """
    plan, calls = records.planned(life.lab), len(records.ended(life.lab))
    old, login = last_version.chart_pods(life.lab), ENGINEER
    with under_load(life.lab, login) as load:
        with asking_long_questions(life.lab, login) as faults:
            waiting.until(lambda: len(load.requests) > 50, what="people use the portal", seconds=60)
            began = time.monotonic()
            yield
            seconds = time.monotonic() - began
        last_version.until_gone(life.lab, old)
        gone, done = time.monotonic() - began, len(load.requests)
        waiting.until(lambda: len(load.requests) > done + 50, what="people still use the portal", seconds=60)
    total = records.assert_no_record_is_lost(life.lab)
    log.info(
        "%s: helm %.1f s, old pods gone after %.1f s; %d requests, %d failed; %d long ones, %d failed; %d calls",
        what, seconds, gone, len(load.requests), len(load.lost()), len(faults), sum(map(bool, faults)), total - calls,
    )  # fmt: skip
    assert load.lost() == []
    assert not any(faults), faults
    assert records.planned(life.lab) == plan
    assert life.removed() == []


def test_an_upgrade_under_load_loses_no_request_and_no_call(life: Life) -> None:
    with everything_goes_on(life, "upgrade"):
        last_version.upgrade(life.lab, "helm 4", chart.CHART)
    assert_all_run(life.lab, names.version())
    assert any("noc" in name for name in life.contact_points("acme")), "this version knows what the last one did not"


def test_so_does_a_rollback(life: Life) -> None:
    with everything_goes_on(life, "rollback"):
        last_version.helm(life.lab, "helm 3", "rollback", last_version.RELEASE, *last_version.READY)
    assert_all_run(life.lab, last_version.LAST)
    life.kubectl("wait", "voiceprobes", "--all", "-A", "--for=condition=Ready", "--timeout=50s")


@pytest.fixture(scope="module")
def engineer(life: Life) -> Iterator[httpx.Client]:
    """A browser in which acme's engineer signed in once."""
    with closing(evidence.sign_in(life.lab, ENGINEER)) as session:
        yield session


@pytest.mark.usefixtures("engineer")
def test_an_uninstallation_leaves_what_is_documented_and_all_that_was_declared_and_recorded(life: Life) -> None:
    probes, plan = life.probes(), records.planned(life.lab)
    shown = [life.in_grafana(client) for client in CLIENTS]
    old, calls = last_version.chart_pods(life.lab), len(records.ended(life.lab))
    said = last_version.helm(life.lab, "helm 3", "uninstall", last_version.RELEASE)
    assert "[ClusterRole] voice-quality-receivers" in said
    last_version.until_gone(life.lab, old)
    assert last_version.inventory(life.lab) == life.before | set(LEFT)
    told = PAGE.read_text().partition("## Uninstall")[2].partition("\n## ")[0]
    assert [words for words in LEFT.values() if words not in told] == []
    assert life.probes() == probes
    assert records.planned(life.lab) == plan
    assert [life.in_grafana(client) for client in CLIENTS] == shown
    waiting.until(lambda: len(records.ended(life.lab)) > calls + 5, what="the SIP hosts call on", seconds=60)


def test_an_installation_takes_over_what_the_last_one_left(life: Life, engineer: httpx.Client) -> None:
    probes, shown = life.probes(), [life.in_grafana(client) for client in CLIENTS]
    passwords, earlier = [life.password(client) for client in CLIENTS], life.calls("acme")
    last_version.install(life.lab, "helm 4", chart.CHART)
    assert_all_run(life.lab, names.version())
    doors.open_to(life.lab, NAMESPACE, portal.NAME)
    suspend = json.dumps({"spec": {"suspend": True}})
    life.kubectl("patch", "voiceprobe", "fax", "-n", "acme", "--type=merge", "-p", suspend)
    waiting.until(
        lambda: records.rows(life.lab, "SELECT probe FROM voice_probe WHERE suspended") == [("fax",)],
        what="what is declared now is planned",
        seconds=60,
    )
    life.kubectl("wait", "voiceprobes,voiceclients", "--all", "-A", "--for=condition=Ready", "--timeout=50s")
    assert life.probes() == probes
    assert [life.in_grafana(client) for client in CLIENTS] == shown, "nothing was made again"
    assert [life.password(client) for client in CLIENTS] == passwords
    assert life.removed() == []
    calls = {row["uuid"].lower() for row in evidence.calls(engineer)}
    assert earlier <= calls, "who was signed in still is, and sees all calls that there were"
    assert records.assert_no_record_is_lost(life.lab) > len(calls)
