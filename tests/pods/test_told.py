"""What a platform engineer is told of bad input, in the real cluster, and what becomes of pods once it is mended.

Each kind of trouble is one sentence with the mend, where one looks first: what helm prints, the pod's log, its events.
Pods wait and are not ready meanwhile; none ends, and none has to be restarted by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.chart import LINES
from tests.pods import clients_pod
from tests.pods.told_doors import leads_to
from tests.pods.told_troubles import REFUSED, TROUBLES
from tests.pods.told_world import GRAFANA_CA, OPERATOR, PORTAL, World, bring_up_crds, until, world
from voice_lab.pods import NAMESPACE
from voice_lab.services import chart, cluster, database, grafana, node

pytestmark = [
    pytest.mark.services,
    pytest.mark.long,
    pytest.mark.timeout(400),
    # asyncio leaks a connection of the doors that is in the middle of its handshake when they are shut.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MIGRATE = "voice-quality-migrate"
HOURGLASS = 12
"""Seconds that helm is given where the database is away: its migration alone would wait for a minute."""
GARBAGE = "no certificate"
PLURALS = ("voiceprobes", "voiceclients", "numberallotments")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster in which all is prepared, and nothing installed."""
    with world(tmp_path_factory.mktemp("strangers")) as found:
        yield found


@pytest.fixture(scope="module")
def installed(empty: World) -> World:
    """The chart, installed, with all pods ready."""
    done = empty.helm("helm 4")
    assert done.returncode == 0, done.stderr
    assert empty.is_ready(OPERATOR)
    assert empty.is_ready(PORTAL)
    return empty


@pytest.fixture
def told(installed: World) -> Iterator[World]:
    """The same; whatever a test does, its pods are ready for the next one."""
    yield installed
    installed.mend()
    until(lambda: installed.is_ready(OPERATOR) and installed.is_ready(PORTAL), "all pods are ready again")


# The migration: helm itself tells.


@pytest.mark.parametrize(
    ("what", "line"), [(what, LINES[number % len(LINES)]) for number, what in enumerate(REFUSED)], ids=str
)
def test_helm_says_why_the_migration_failed_and_nothing_is_installed(empty: World, what: str, line: str) -> None:
    wrong, values = REFUSED[what], empty.values()
    values["mysql"]["database"] = wrong.database
    empty.sql(*wrong.statements)
    right = empty.lab.passwords["mysql-owner"]
    empty.put("secret", "voice-mysql", owner=wrong.password or right)
    if wrong.away:
        empty.mysql.shut()
    try:
        done = empty.helm(line, values=values, patience=HOURGLASS if wrong.away else 60)
    finally:
        empty.mend()
        empty.put("secret", "voice-mysql", owner=right)
        empty.sql(*wrong.undo)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert wrong.sentence in said
    assert wrong.sentence in empty.kubectl("logs", f"job/{MIGRATE}"), "and it can still be read"
    assert wrong.away or wrong.sentence in ended(empty), "and in the pod's status"
    assert "Traceback" not in said
    assert "wrong-and-secret" not in said
    assert empty.kubectl("get", "deployments", "-o", "name") == ""


def ended(empty: World) -> str:
    """What the status of the migration's pod says of its end."""
    (pod,) = json.loads(empty.kubectl("get", "pods", "-l", f"app.kubernetes.io/name={MIGRATE}", "-o", "json"))["items"]
    return str(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"])


# Pods that run, and what is outside.


def test_pods_that_find_nothing_outside_wait_and_become_ready_by_themselves(told: World) -> None:
    told.mysql.shut()
    told.grafana.shut()
    told.renew(OPERATOR, PORTAL)
    nobody = f"nothing listens at host.lab.internal:{told.mysql.port}"
    until(lambda: nobody in told.log(OPERATOR), "the operator says that there is no database")
    absent = f"Grafana does not answer: nothing listens at host.lab.internal:{told.grafana.port}: is Grafana running"
    until(lambda: absent in told.log(OPERATOR), "the operator says that there is no Grafana")
    until(lambda: nobody in told.log(PORTAL, "portal"), "the portal says that there is no database")
    until(lambda: not told.is_ready(OPERATOR), "the operator is not ready")  # it was, as long as it stood by
    assert not told.is_ready(PORTAL)
    told.mend()
    until(lambda: told.is_ready(OPERATOR) and told.is_ready(PORTAL), "both are ready")
    assert set(told.restarts()) == {0}
    assert "Traceback" not in told.log(OPERATOR) + told.log(PORTAL, "portal")


@pytest.mark.parametrize("what", TROUBLES)
def test_trouble_outside_is_a_sentence_and_over_once_it_is_mended(installed: World, what: str) -> None:
    told, trouble, lab = installed, TROUBLES[what], installed.lab
    begun = Logs(told)
    told.sql(*trouble.statements)
    # Whoever is connected is cut off, and has to log in anew.
    told.mysql.open(trouble.mysql or leads_to(lab.ports["mysql"]))
    keys = told.certificate(told.strangers if trouble.is_stranger else None)
    told.grafana.open(trouble.grafana or leads_to(lab.ports["grafana"]), keys)
    try:
        until(lambda: begun.portal_says(trouble.portal), f"the portal says {trouble.portal}")
        for sentence in trouble.operator.values():
            until(lambda wanted=sentence: wanted in begun.operator(), f"the operator says {sentence}")
    finally:
        mended = Logs(told)
        passwords = {each: lab.passwords[f"mysql-{each}"] for each in ("operator", "portal")}
        told.sql(*(each.format(**passwords) for each in trouble.undo))
        told.mend()
    until(lambda: mended.portal_says("voice_portal.config.readiness: ready"), "the portal is ready")
    for who in trouble.operator:
        until(lambda who=who: mended.goes_on(who), f"the operator goes on with {who}")
    assert "Traceback" not in begun.operator() + begun.portal()
    assert not any(secret in begun.operator() + begun.portal() for secret in lab.passwords.values())
    assert set(told.restarts()) == {0}


class Logs:
    """What operator and portal have said since it was made."""

    def __init__(self, told: World) -> None:
        self._told = told
        self._before = len(told.log(OPERATOR)), len(told.log(PORTAL, "portal"))

    def operator(self) -> str:
        return self._told.log(OPERATOR)[self._before[0] :]

    def goes_on(self, who: str) -> bool:
        """Whether a part of the operator does; it is ready anew where it lost its Lease to a busy machine meanwhile."""
        said = self.operator()
        return f"{who}: goes on" in said or ("is the leader" in said and self._told.is_ready(OPERATOR))

    def portal(self) -> str:
        return self._told.log(PORTAL, "portal")[self._before[1] :]

    def portal_says(self, sentence: str) -> bool:
        """Whether it has, when it was asked to look."""
        self._told.ask_portal()
        return sentence in self.portal()


def test_a_policy_that_drops_packets_is_named_as_a_cause(told: World) -> None:
    begun = Logs(told)
    policy = ("networkpolicy", OPERATOR)
    before = json.loads(told.kubectl("get", *policy, "-o", "json"))["spec"]["egress"]
    ways = [way for way in before if not {told.mysql.port, told.grafana.port} & ports(way)]
    assert len(ways) < len(before)
    told.kubectl("patch", *policy, "--type=merge", "-p", json.dumps({"spec": {"egress": ways}}))
    told.mend()  # who is connected stays so
    until(lambda: "may the pod reach it (NetworkPolicy, security group)?" in begun.operator(), "MySQL is out of reach")
    until(lambda: f"{told.grafana.port} keeps silent: is it running" in begun.operator(), "Grafana is out of reach")
    told.kubectl("patch", *policy, "--type=merge", "-p", json.dumps({"spec": {"egress": before}}))


def ports(way: dict[str, list[dict[str, int]]]) -> set[int]:
    return {each["port"] for each in way.get("ports", [])}


# Secrets and ConfigMaps.


def test_contents_that_are_wrong_are_waited_for_and_taken_once_they_are_right(told: World) -> None:
    right = contents(told)
    wrong = {
        ("secret", "voice-mysql"): {"operator": "", "portal": "\n"},
        ("secret", "voice-portal"): {"secret_key": "short-and-secret", "grafana_jwt.pem": "no key"},
        ("configmap", "voice-mysql-ca"): {"ca.pem": GARBAGE},
        ("configmap", GRAFANA_CA): {"ca.pem": GARBAGE},
    }
    put_all(told, wrong)
    told.renew(OPERATOR, PORTAL)
    empty = "VOICE_MYSQL_PASSWORD_FILE names /etc/voice-mysql-password/password, which is empty: put the value itself"
    garbage = "VOICE_MYSQL_TLS_CA names /etc/voice-mysql/ca.pem, which holds no certificate: it must be the authority's"
    for sentence in (empty, garbage):
        until(lambda wanted=sentence: wanted in told.log(OPERATOR), f"the operator says {sentence}")
        until(lambda wanted=sentence: wanted in told.log(PORTAL, "portal"), f"the portal says {sentence}")
    assert "VOICE_PORTAL_SECRET_KEY must have at least 50 characters" in told.log(PORTAL, "portal")
    until(lambda: f"of the ConfigMap {GRAFANA_CA}, holds no certificate" in told.log(PORTAL, "proxy"), "so does nginx")
    assert not told.is_ready(OPERATOR)
    assert not told.is_ready(PORTAL)
    almost = {key: dict(value) for key, value in right.items()}
    almost["secret", "voice-portal"]["grafana_jwt.pem"] = "no key"
    almost["secret", "voice-grafana"]["password"] = "wrong-and-secret"
    put_all(told, almost)
    told.hasten()
    until(lambda: "VOICE_GRAFANA_JWT_KEY_FILE must name an RSA key in PEM" in told.log(PORTAL, "portal"), "the key")
    until(lambda: "Grafana refuses the administrator's login (401)" in told.log(OPERATOR), "the login is refused")
    put_all(told, right)
    told.hasten()
    until(lambda: told.is_ready(OPERATOR) and told.is_ready(PORTAL), "both are ready")
    assert set(told.restarts()) == {0}
    said = told.log(OPERATOR) + told.log(PORTAL, "portal") + told.log(PORTAL, "proxy")
    assert "Traceback" not in said
    assert "and-secret" not in said


def contents(told: World) -> dict[tuple[str, str], dict[str, str]]:
    """What is right, with a line end after each, as editors leave it."""
    lab = told.lab
    user, password = grafana.administrator(lab)
    authority = database.authority(lab).read_text()
    key = (lab.folder / "pki" / "portal.key").read_text()
    passwords = {each: lab.passwords[f"mysql-{each}"] + "\n" for each in ("owner", "operator", "portal")}
    return {
        ("secret", "voice-mysql"): passwords,
        ("secret", "voice-portal"): {"secret_key": lab.passwords["portal-key"] + "\r\n", "grafana_jwt.pem": key},
        ("secret", "voice-grafana"): {"user": user + "\n", "password": password + "\n"},
        ("configmap", "voice-mysql-ca"): {"ca.pem": authority},
        ("configmap", GRAFANA_CA): {"ca.pem": authority},
    }


def put_all(told: World, all_: dict[tuple[str, str], dict[str, str]]) -> None:
    for (kind, name), content in all_.items():
        told.put(kind, name, **content)


def test_a_secret_or_key_that_is_gone_is_named_by_events_until_it_is_back(told: World) -> None:
    keys = told.kubectl("get", "secret", "voice-portal", "-o", "json")
    told.put("secret", "voice-mysql", operator=None)
    told.kubectl("delete", "secret", "voice-portal")
    until(lambda: told.is_ready(OPERATOR) and told.is_ready(PORTAL), "pods that run are left alone")
    told.renew(OPERATOR, PORTAL)
    until(lambda: "references non-existent secret key: operator" in told.events(), "the key is named")
    until(lambda: 'secret "voice-portal" not found' in told.events(), "the Secret is named")
    for each in ("resourceVersion", "uid", "creationTimestamp"):
        keys = json.dumps(without(json.loads(keys), each))
    told.kubectl("create", "-f", "-", stdin=keys)
    told.put("secret", "voice-mysql", operator=told.lab.passwords["mysql-operator"])
    until(lambda: told.is_ready(OPERATOR) and told.is_ready(PORTAL), "both are ready")


def without(body: dict[str, dict[str, str]], name: str) -> dict[str, dict[str, str]]:
    return body | {"metadata": {key: value for key, value in body["metadata"].items() if key != name}}


def test_an_image_that_is_not_there_is_named_and_what_runs_runs_on(told: World) -> None:
    told.kubectl("set", "image", f"deployment/{OPERATOR}", "operator=voice-quality-operator:none")
    try:
        until(lambda: 'image "voice-quality-operator:none"' in waiting_for(told), "the pod's status names the image")
        assert told.kubectl("get", "deployment", OPERATOR, "-o", "jsonpath={.status.readyReplicas}") == "1"
    finally:
        told.kubectl("rollout", "undo", f"deployment/{OPERATOR}")
    until(lambda: len(told.pods(OPERATOR)) == 1, "the pod that never ran is gone")


def waiting_for(told: World) -> str:
    """What the statuses of pods say that their containers wait for."""
    states = [status["state"] for pod in told.pods(OPERATOR) for status in pod["status"].get("containerStatuses", [])]
    return "\n".join(state["waiting"].get("message", "") for state in states if "waiting" in state)


# The cluster itself.


def test_a_pod_of_a_client_reaches_the_portals_proxy_and_nothing_else_of_the_release(told: World) -> None:
    if not node.enforces_policies(told.lab):
        pytest.skip("nothing enforces NetworkPolicies on this node")
    addresses = {name: told.pods(name)[-1]["status"]["podIP"] for name in (OPERATOR, PORTAL)}
    ports = {OPERATOR: (8081,), PORTAL: (8000, 8080, 8081)}  # those of the chart's defaults
    targets = [(addresses[name], port) for name in ports for port in ports[name]]
    cluster.kubectl(told.lab, "create", "namespace", "neighbour")
    assert clients_pod.reached(told.lab, "neighbour", targets) == {(addresses[PORTAL], 8080)}


def test_a_right_that_is_missing_is_named_with_who_puts_it_back(told: World) -> None:
    role = ("clusterrole", f"{OPERATOR}-{NAMESPACE}")
    before = json.loads(cluster.kubectl(told.lab, "get", *role, "-o", "json"))["rules"]
    begun = Logs(told)
    patch(told, role, [rule for rule in before if "voiceprobes" not in rule["resources"]])
    try:
        until(lambda: "which `helm upgrade` puts back" in begun.operator(), "it says who puts it back")
    finally:
        patch(told, role, before)
    assert 'cannot list resource \\"voiceprobes\\"' in begun.operator()
    until(lambda: begun.goes_on("resync"), "it goes on")
    assert "Traceback" not in begun.operator()


def patch(told: World, role: tuple[str, str], rules: list[dict[str, list[str]]]) -> None:
    cluster.kubectl(told.lab, "patch", *role, "--type=merge", "-p", json.dumps({"rules": rules}))


def test_crds_that_are_gone_or_older_are_told_and_taken_when_they_are_back(told: World) -> None:
    begun = Logs(told)
    older = yaml.safe_load((chart.CRDS / "voiceprobes.yaml").read_text())
    fields = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del fields["displayName"]
    options = ("--server-side", "--field-manager=helm", "--force-conflicts")
    cluster.kubectl(told.lab, "apply", *options, "-f", "-", stdin=yaml.safe_dump(older))
    until(lambda: "older than this operator and drops spec.displayName" in begun.operator(), "it is older")
    cluster.kubectl(told.lab, "delete", "crd", *(f"{plural}.voicequality.io" for plural in PLURALS))
    until(lambda: "the cluster knows no VoiceProbe, so nothing can be declared: helm show" in begun.operator(), "gone")
    back = Logs(told)
    bring_up_crds(told.lab)
    until(lambda: back.goes_on("CRD VoiceProbe"), "it is back")
    until(lambda: told.is_ready(OPERATOR), "the operator is ready")
    assert set(told.restarts()) == {0}, "nothing ended"
    assert "Traceback" not in begun.operator()
    body = {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "spec": {"displayName": "Told"}}
    body |= {"metadata": {"name": "client", "namespace": "told"}}
    cluster.kubectl(told.lab, "create", "namespace", "told")
    cluster.apply(told.lab, json.dumps(body))
    ready = ("wait", "voiceclient/client", "-n", "told", "--for=condition=Ready", "--timeout=60s")
    cluster.kubectl(told.lab, *ready)
