"""A number never decides between clients: whoever names another client's number takes neither its place nor its calls.

The real operator with its own rights, the real API server and the real plan.
"""

from __future__ import annotations

import itertools
import json
import ssl
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
import yaml

from tests.attacks.numbering import API, Body, Client, Provider, until
from tests.conftest import Cluster, Database
from voice_lab import pods
from voice_lab.context import Lab
from voice_lab.services import cluster as cluster_service

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("operator"), pytest.mark.timeout(180)]
_numbers = itertools.count(int(uuid.uuid4()) % 10**6 * 100)


@pytest.fixture(scope="module")
def database(operator: Lab) -> Database:
    return Database(operator)


@pytest.fixture
def provider(cluster: Cluster) -> Iterator[Provider]:
    provider = Provider(cluster)
    yield provider
    provider.close()


@pytest.fixture
def owner(cluster: Cluster, database: Database) -> Iterator[Client]:
    client = Client(cluster, database, "owner")
    yield client
    client.kubectl("delete", "voiceprobe", "--all")


@pytest.fixture
def squatter(cluster: Cluster, database: Database) -> Iterator[Client]:
    client = Client(cluster, database, "squatter")
    yield client
    client.kubectl("delete", "voiceprobe", "--all")


@pytest.fixture
def number() -> str:
    """The national digits of a British number that no other test uses."""
    return f"20{next(_numbers) % 10**8:08}"


SPELLINGS = {
    "in full": "+44{}",
    "with 00": "0044{}",
    "without +": "44{}",
    "national": "0{}",
    "bare": "{}",
    "with separators": "+44.{}",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_who_names_a_number_second_is_refused_however_it_is_written(
    owner: Client, squatter: Client, number: str, spelling: str
) -> None:
    owner.probe("line", f"+44{number}")
    owner.becomes("line", "Published")
    time.sleep(1.1)  # an age is told in seconds
    squatter.probe("line", spelling.format(number))
    squatter.becomes("line", "NumberTaken")
    assert squatter.plan() == {}
    assert squatter.condition("line", "Ready")["status"] == "False"
    assert (owner.plan(), owner.condition("line", "Ready")["status"]) == ({"line": []}, "True")


def test_a_squatter_who_was_first_loses_the_number_to_whom_it_is_allotted(
    owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    squatter.probe("line", f"0{number}")
    squatter.becomes("line", "Published")
    assert squatter.plan() == {"line": []}, "it was first, and yet tells nothing by its number"
    time.sleep(1.1)
    owner.probe("line", f"+44{number}")
    owner.becomes("line", "NumberTaken")
    provider.allot(owner, f"+44{number}")
    owner.becomes("line", "Published")
    squatter.becomes("line", "NumberTaken")
    until(lambda: (owner.plan(), squatter.plan()) == ({"line": [f"+44{number}"]}, {}))


def test_a_squatter_in_an_allotted_range_is_refused_before_its_owner_has_any_probe(
    owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    name = provider.allot(owner, f"+44{number[:-2]}*", f"agent-{number}")
    until(lambda: provider.condition(name)["status"] == "True")
    for probe, receiver in (("full", f"0044{number}"), ("national", f"0{number}"), ("agent", f"AGENT-{number}")):
        squatter.probe(probe, receiver)
        squatter.becomes(probe, "NumberTaken")
    assert squatter.plan() == {}
    owner.probe("line", f"agent-{number}", destination=f"+44{number}")
    owner.becomes("line", "Published")
    assert owner.plan() == {"line": [f"agent-{number}", f"+44{number}"]}


def test_calling_a_number_gives_no_right_to_it(
    owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    """Anybody may have probes that call anybody. Nothing that arrives is theirs by that number."""
    provider.allot(owner, f"+44{number}")
    owner.probe("line", f"+44{number}")
    owner.becomes("line", "Allotted", "NumberAllotted")
    squatter.probe("line", f"agent-{number}", destination=f"+44{number}")
    squatter.becomes("line", "Published")
    squatter.becomes("line", "NotAllotted", "NumberAllotted")
    assert squatter.condition("line", "Ready")["status"] == "True"
    until(lambda: (owner.plan(), squatter.plan()) == ({"line": [f"+44{number}"]}, {"line": []}))


def test_when_the_first_goes_the_second_is_published_by_itself(owner: Client, squatter: Client, number: str) -> None:
    owner.probe("line", f"agent-{number}")
    owner.becomes("line", "Published")
    time.sleep(1.1)
    squatter.probe("line", f"Agent-{number}")
    squatter.becomes("line", "NumberTaken")
    owner.kubectl("delete", "voiceprobe", "line")
    squatter.becomes("line", "Published")
    until(lambda: (owner.plan(), squatter.plan()) == ({}, {"line": []}))


def test_a_refused_probe_that_takes_another_number_is_published(owner: Client, squatter: Client, number: str) -> None:
    owner.probe("line", f"agent-{number}")
    owner.becomes("line", "Published")
    time.sleep(1.1)
    squatter.probe("line", f"agent-{number}")
    squatter.becomes("line", "NumberTaken")
    squatter.probe("line", f"agent-{number}0")
    squatter.becomes("line", "Published")


def test_a_number_that_moves_is_in_the_plan_of_one_client_at_a_time(
    owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    name = provider.allot(owner, f"+44{number}")
    owner.probe("line", f"+44{number}")
    owner.becomes("line", "Allotted", "NumberAllotted")
    time.sleep(1.1)
    squatter.probe("line", f"+44{number}")
    squatter.becomes("line", "NumberTaken")
    provider.allot(squatter, f"+44{number}", name=name)
    squatter.becomes("line", "Published")
    owner.becomes("line", "NumberTaken")
    until(lambda: (owner.plan(), squatter.plan()) == ({}, {"line": [f"+44{number}"]}))
    provider.take_back(name)
    # To nobody: then it is the elder probe's.
    owner.becomes("line", "Published")
    squatter.becomes("line", "NumberTaken")
    until(lambda: (owner.plan(), squatter.plan()) == ({"line": []}, {}))


def breaks_its_spec(squatter: Client, provider: Provider, number: str) -> str:
    """Of a client whose number it was; returns the allotment."""
    name = provider.allot(squatter, f"+44{number}")
    squatter.probe("line", f"+44{number}")
    squatter.becomes("line", "Allotted", "NumberAllotted")
    squatter.probe("line", f"+44{number}", call={"timeZone": "Mars/Olympus"})
    squatter.becomes("line", "InvalidSpec")
    return name


def test_nobody_keeps_a_number_by_a_spec_that_cannot_work(
    owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    """Such a spec leaves in the plan what was declared before: but not what is another client's by now."""
    name = breaks_its_spec(squatter, provider, number)
    assert squatter.plan() == {"line": [f"+44{number}"]}
    owner.probe("line", f"+44{number}")
    provider.allot(owner, f"+44{number}", name=name)
    owner.becomes("line", "Published")
    until(lambda: (owner.plan(), squatter.plan()) == ({"line": [f"+44{number}"]}, {}))


def test_a_number_that_was_taken_back_is_not_kept_by_a_spec_that_cannot_work(
    squatter: Client, provider: Provider, number: str
) -> None:
    name = breaks_its_spec(squatter, provider, number)
    provider.take_back(name)
    until(lambda: squatter.plan() == {"line": []})


def test_the_second_of_two_allotments_says_so_to_the_provider_and_its_rest_counts(
    owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    first = provider.allot(owner, f"+44{number}")
    until(lambda: provider.condition(first)["status"] == "True")
    time.sleep(1.1)
    second = provider.allot(squatter, f"+44{number[:-3]}*", f"agent-{number}")
    until(lambda: provider.condition(second)["reason"] == "NumberTaken")
    assert f"+44{number[:-3]}* is {owner.name}'s by +44{number} of {first}" in provider.condition(second)["message"]
    squatter.probe("line", f"agent-{number}", destination=f"+44{number[:-3]}999")
    squatter.becomes("line", "Published")
    assert squatter.plan() == {"line": [f"agent-{number}"]}
    provider.take_back(first)
    until(lambda: provider.condition(second)["status"] == "True")
    until(lambda: squatter.plan() == {"line": [f"agent-{number}", f"+44{number[:-3]}999"]})


def test_the_refused_one_is_told_what_to_do_and_of_nobody(
    owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    name = provider.allot(owner, f"+44{number}")
    owner.probe("secret-line", f"+44{number}")
    owner.becomes("secret-line", "Published")
    squatter.probe("line", f"0044{number}")
    squatter.becomes("line", "NumberTaken")
    until(lambda: "NumberTaken" in squatter.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}"))
    told = squatter.told()
    assert f"0044{number} of receiver.address" in squatter.condition("line")["message"]
    assert "ask the provider to allot it to this client" in squatter.condition("line")["message"]
    assert not [word for word in (owner.name, "secret-line", name, f"+44{number}") if word in told]
    # Nor is the other one told who tried.
    assert squatter.name not in owner.told()
    assert "NumberTaken" not in owner.told()


@pytest.fixture
def engineer(operator: Lab, squatter: Client) -> Iterator[httpx.Client]:
    """The API server as somebody sees it who may do everything in a client's namespace, whatever it is called."""
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": everything}
    body = json.dumps(role | {"metadata": {"name": "all", "namespace": squatter.name}})
    squatter.kubectl("create", "serviceaccount", squatter.name)
    cluster_service.kubectl(operator, "apply", "-f", "-", stdin=body)
    squatter.kubectl("create", "rolebinding", "all", "--role=all", f"--serviceaccount={squatter.name}:{squatter.name}")
    path = cluster_service.service_account_kubeconfig(operator, squatter.name, squatter.name)
    config = yaml.safe_load(path.read_text())
    path.unlink()
    trust = ssl.create_default_context(cafile=str(operator.folder / "pki" / "ca.pem"))
    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
    server = config["clusters"][0]["cluster"]["server"]
    with httpx.Client(base_url=server, verify=trust, headers=headers, timeout=30) as client:
        yield client


def test_whoever_may_do_everything_in_a_namespace_can_allot_nothing(
    engineer: httpx.Client, owner: Client, squatter: Client, provider: Provider, number: str
) -> None:
    name = provider.allot(owner, f"+44{number}")
    kinds = f"/apis/{API}"
    inside = engineer.get(f"{kinds}/namespaces/{squatter.name}/voiceprobes")
    assert inside.status_code == httpx.codes.OK, "the rights that are meant do work"
    spec = {"client": squatter.name, "numbers": [f"agent-{number}"]}
    body = {"apiVersion": API, "kind": "NumberAllotment", "metadata": {"name": f"mine-{number}"}, "spec": spec}
    status: Body = {"status": {"conditions": []}}
    merge = {"Content-Type": "application/merge-patch+json"}
    of_all, one = f"{kinds}/numberallotments", f"{kinds}/numberallotments/{name}"
    answers = {
        "create": engineer.post(of_all, json=body),
        "create in a namespace": engineer.post(f"{kinds}/namespaces/{squatter.name}/numberallotments", json=body),
        "read": engineer.get(one),
        "list": engineer.get(of_all),
        "change": engineer.patch(one, content=json.dumps({"spec": spec}), headers=merge),
        "replace": engineer.put(one, json=body | {"metadata": {"name": name}}),
        "tell": engineer.patch(f"{one}/status", content=json.dumps(status), headers=merge),
        "delete": engineer.delete(one),
        "delete all": engineer.delete(of_all),
    }
    refused = {what: answer.status_code for what, answer in answers.items()}
    assert set(refused.values()) <= {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}, refused
    assert provider.condition(name)["status"] in {"True", "not yet"}
    for verb in ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"):
        resource = {"group": "voicequality.io", "resource": "numberallotments", "verb": verb}
        review = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
        asked = review | {"spec": {"resourceAttributes": resource}}
        answer = engineer.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=asked)
        assert answer.raise_for_status().json()["status"]["allowed"] is False, verb


def test_a_client_cannot_write_that_a_number_is_allotted_to_it(
    engineer: httpx.Client, squatter: Client, number: str
) -> None:
    """Whoever may write a probe may write its status: the plan is made of nothing that stands there."""
    squatter.probe("line", f"agent-{number}")
    squatter.becomes("line", "Published")
    now = "2026-01-01T00:00:00Z"
    lie = {
        "type": "NumberAllotted",
        "status": "True",
        "reason": "Allotted",
        "message": "mine",
        "lastTransitionTime": now,
    }
    path = f"/apis/{API}/namespaces/{squatter.name}/voiceprobes/line"
    merge = {"Content-Type": "application/merge-patch+json"}
    engineer.patch(
        f"{path}/status", content=json.dumps({"status": {"conditions": [lie]}}), headers=merge
    ).raise_for_status()
    changed = {
        "metadata": {"labels": {"client": "owner"}},
        "spec": {"allottedNumbers": [number], "displayName": "Line"},
    }
    engineer.patch(path, content=json.dumps(changed), headers=merge).raise_for_status()
    squatter.becomes("line", "NotAllotted", "NumberAllotted")
    assert squatter.plan() == {"line": []}


def test_the_chart_gives_nobody_but_the_operator_a_right_to_allotments(operator: Lab) -> None:
    """Aggregated roles (admin, edit, view) included: a client's engineers may have these in their namespace."""
    found = json.loads(cluster_service.kubectl(operator, "get", "clusterroles,roles", "-A", "-o", "json"))["items"]
    about = {
        body["metadata"]["name"]: rule["verbs"]
        for body in found
        for rule in body["rules"] or ()
        if "voicequality.io" in rule.get("apiGroups", ())
        for resource in rule["resources"]
        if resource.startswith("numberallotments") and body["kind"] == "ClusterRole"
    }
    name = f"voice-quality-operator-{pods.NAMESPACE}"
    assert set(about) == {name}
    mine = json.loads(cluster_service.kubectl(operator, "get", "clusterrole", name, "-o", "json"))
    verbs = {r: rule["verbs"] for rule in mine["rules"] for r in rule["resources"] if r.startswith("numberallotments")}
    assert verbs == {"numberallotments": ["list", "watch"], "numberallotments/status": ["patch"]}
