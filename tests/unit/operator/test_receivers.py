"""Who is told of alerts: what a VoiceClient may say, what Grafana is given, and what becomes of it."""

import json

import pytest

from voiceprobe_operator.alerting.contacts import UnusableSecretError, contact_point, policy
from voiceprobe_operator.model import InvalidSpecError, parse_client
from voiceprobe_operator.receivers import Email, Receiver, SecretKey, Webhook, parse_receivers

KEY = "mysql-secret"
POLICIES = "/api/v1/provisioning/policies"
NOC = {"name": "noc", "severities": ["critical"], "email": {"addresses": ["noc@acme.example", "ops@acme.example"]}}
CHAT = {"name": "chat", "webhook": {"urlSecretRef": {"name": "hook", "key": "url"}}}
PAGER = {
    "name": "pager",
    "webhook": {
        "url": "https://pager.example/v1",
        "authorization": {"scheme": "Bearer", "credentialsSecretRef": {"name": "pager", "key": "token"}},
    },
}
SECRETS = {"hook": {"url": "https://hooks.example/T0/s3cret\n"}, "pager": {"token": "t0ken"}}


def client_body(*receivers, generation=1):
    meta = {"name": "client", "namespace": "acme", "uid": "c1", "generation": generation}
    spec = {"displayName": "Acme Ltd", "receivers": list(receivers)}
    return {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "metadata": meta, "spec": spec}


def point(spec, secrets=SECRETS):
    (receiver,) = parse_receivers([spec])
    return contact_point(receiver, secrets, KEY)


def policies(far):
    return far.policies[2]["routes"]


def contacts(far):
    return {point["name"]: point["settings"] for (org, _), point in far.contacts.items() if org == 2}


# --- what a VoiceClient says ---


def test_receivers_are_read_with_their_secrets_only_named():
    noc, chat, pager = parse_receivers([NOC, CHAT, PAGER])
    assert noc == Receiver("noc", Email(("noc@acme.example", "ops@acme.example")), ("critical",))
    assert chat == Receiver("chat", Webhook(SecretKey("hook", "url")), ("warning", "critical"))
    assert pager.channel == Webhook("https://pager.example/v1", "Bearer", SecretKey("pager", "token"))


def test_a_receiver_that_is_not_whole_is_told_of():
    with pytest.raises(InvalidSpecError, match="a receiver is not complete"):
        parse_client("acme", client_body({"name": "noc", "webhook": {}}))


# --- what Grafana is given ---


def test_a_mail_goes_to_all_addresses():
    found = point(NOC)
    assert found.model()["settings"] == {"addresses": "noc@acme.example;ops@acme.example"}
    assert (found.name, found.model()["type"]) == ("voice: noc", "email")


def test_a_webhooks_address_and_credentials_come_out_of_secrets():
    assert point(CHAT).model()["settings"]["url"] == "https://hooks.example/T0/s3cret"
    assert point(PAGER).model()["settings"]["authorization_credentials"] == "t0ken"


def test_credentials_are_neither_read_back_nor_told():
    found = point(PAGER)
    assert "t0ken" not in json.dumps(found.visible)
    assert "t0ken" not in repr(found)
    assert "s3cret" not in repr(point(CHAT))


def test_another_secret_makes_another_contact_point_and_the_same_one_the_same():
    other = SECRETS | {"pager": {"token": "another"}}
    assert point(PAGER).uid == point(PAGER).uid
    assert point(PAGER).uid != point(PAGER, other).uid
    assert len(point(PAGER).uid) <= 40


@pytest.mark.parametrize(
    ("spec", "secrets", "sentence"),
    [
        (CHAT, {}, "receiver chat: there is no Secret hook in the namespace"),
        (CHAT, {"hook": {"uri": "x"}}, "receiver chat: Secret hook has no key url with text"),
        (CHAT, {"hook": {"url": "file:///etc/passwd"}}, "receiver chat: key url of Secret hook holds no address"),
        (CHAT, {"hook": {"url": "https://a b"}}, "holds no address"),
        (CHAT, {"hook": {"url": "https://:80/"}}, "holds no address"),
        (CHAT, {"hook": {"url": "https://{{ .Secret }}"}}, "holds no address"),
        (PAGER, {"pager": {"token": "a\nX-Other: b"}}, "key token of Secret pager is not one line of ASCII"),
    ],
)
def test_a_secret_that_is_of_no_use_is_told_of_without_telling_it(spec, secrets, sentence):
    with pytest.raises(UnusableSecretError, match=sentence) as error:
        point(spec, secrets)
    assert not any(
        value in str(error.value) for secret in secrets.values() for value in secret.values() if value != "x"
    )


def test_each_receiver_gets_its_severities_and_nobody_gets_the_rest():
    tree = policy(parse_receivers([NOC, CHAT]), "root")
    *told, rest = tree["routes"]
    assert [(r["receiver"], r["object_matchers"][0][2], r["continue"]) for r in told] == [
        ("voice: noc", "critical", True),
        ("voice: chat", "warning|critical", True),
    ]
    assert (rest["receiver"], rest["mute_time_intervals"]) == ("root", ["voice-nobody"])


# --- what becomes of it ---


async def test_without_receivers_nobody_is_told_not_even_the_address_that_grafana_comes_with(world, far, probe_body):
    world.apply(probe_body())
    await world.resync()
    assert [(r["receiver"], r["mute_time_intervals"]) for r in policies(far)] == [
        ("grafana-default-email", ["voice-nobody"])
    ]


async def test_receivers_come_change_and_go_and_cost_no_probe_anything(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC, PAGER))
    world.cluster.put_secret("acme", "pager", {"token": "t0ken"})
    await world.resync()
    assert set(contacts(far)) == {"voice: noc", "voice: pager"}
    world.forget_requests()
    changed = NOC | {"email": {"addresses": ["night@acme.example"]}}
    world.apply(client_body(changed, generation=2))
    await world.reconciler.reconcile("acme")
    assert contacts(far) == {"voice: noc": {"addresses": "night@acme.example"}}
    assert [r["receiver"] for r in policies(far)] == ["voice: noc", "grafana-default-email"]
    assert len(far.writes) == 3, "one written, the policy, one removed"
    assert [name for name, _ in world.cluster.patches] == ["client"]


async def test_a_new_secret_takes_the_place_of_the_old_one_without_a_moment_of_nobody(world, far, probe_body):
    world.apply(probe_body(), client_body(PAGER))
    world.cluster.put_secret("acme", "pager", {"token": "old"})
    await world.resync()
    world.forget_requests()
    world.cluster.put_secret("acme", "pager", {"token": "new"})
    await world.resync()
    assert [settings["authorization_credentials"] for settings in contacts(far).values()] == ["new"]
    assert [path.split()[0] for path in far.writes] == ["POST", "DELETE"]


async def test_a_missing_secret_keeps_the_client_from_ready_and_no_other_receiver_and_no_probe(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC, PAGER))
    await world.resync()
    assert set(contacts(far)) == {"voice: noc"}
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    told = world.cluster.condition("client", "AlertsReady")
    assert (told["status"], told["reason"]) == ("False", "SecretUnusable")
    assert told["message"] == (
        "receivers that cannot be used as declared: receiver pager: there is no Secret pager in the namespace"
    )


@pytest.mark.parametrize("how", ["removed", "forbidden"])
async def test_a_secret_that_is_away_for_a_moment_silences_nobody(world, far, probe_body, how):
    world.apply(probe_body(), client_body(PAGER))
    world.cluster.put_secret("acme", "pager", {"token": "t0ken"})
    await world.resync()
    world.forget_requests()
    if how == "removed":
        world.cluster.remove_secret("acme", "pager")
    else:
        world.cluster.forbidden.add("acme")
    await world.resync()
    assert [settings["authorization_credentials"] for settings in contacts(far).values()] == ["t0ken"]
    assert (far.writes, world.cluster.condition("client")["reason"]) == ([], "SecretUnusable")


async def test_a_receiver_that_comes_back_gets_the_secret_of_today(world, far, probe_body):
    world.apply(probe_body(), client_body(PAGER))
    world.cluster.put_secret("acme", "pager", {"token": "old"})
    await world.resync()
    world.apply(client_body(generation=2))
    await world.reconciler.reconcile("acme")
    world.cluster.put_secret("acme", "pager", {"token": "new"})
    world.apply(client_body(PAGER, generation=3))
    await world.reconciler.reconcile("acme")
    assert [settings["authorization_credentials"] for settings in contacts(far).values()] == ["new"]


async def test_no_receiver_gets_a_secret_of_the_operators_own_namespace(world, far, probe_body):
    """There are all clients' passwords, and the operator may read them."""
    mine = {"name": "voice-client-acme", "key": "password"}
    webhook = {"url": "https://thief.example", "authorization": {"credentialsSecretRef": mine}}
    inside = client_body({"name": "thief", "webhook": webhook})
    inside["metadata"]["namespace"] = "voice-system"
    world.apply(probe_body(), inside)
    await world.resync()
    assert far.contacts == {}
    assert "operator's own namespace" in world.cluster.condition("client")["message"]


@pytest.mark.parametrize("name", ["../../voice-system/secrets/voice-client-b", "a/b", "", "a%2fb", "A"])
def test_a_name_that_would_lead_elsewhere_is_refused_without_the_crd(name):
    with pytest.raises(InvalidSpecError, match="is not the name of a Secret"):
        parse_client("acme", client_body({"name": "x", "webhook": {"urlSecretRef": {"name": name, "key": "k"}}}))


async def test_a_secret_that_may_not_be_read_tells_how_to_allow_it(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC, PAGER))
    world.cluster.forbidden.add("acme")
    await world.resync()
    assert set(contacts(far)) == {"voice: noc"}
    assert "kubectl create rolebinding voice-receivers -n acme" in world.cluster.condition("client")["message"]


async def test_a_receiver_named_in_a_client_that_cannot_work_stays(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC))
    await world.resync()
    broken = client_body(NOC, generation=2)
    broken["spec"]["timeZone"] = "Mars/Olympus"
    world.apply(broken)
    await world.resync()
    assert set(contacts(far)) == {"voice: noc"}


async def test_alerting_that_has_not_begun_is_waited_for_and_keeps_no_probe_from_ready(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC))
    far.restart(poll_s=60)
    with pytest.raises(Exception, match="not set up alerting"):
        await world.resync()
    assert world.cluster.condition("inbound-sales")["status"] == "True"
    assert world.cluster.condition("client")["reason"] == "AlertingStarting"
    far.now += 60
    world.forget_requests()
    await world.reconciler.reconcile("acme")
    assert world.cluster.condition("client")["status"] == "True"
    assert len(far.reads) == 3, "what else is known of the client still holds"


@pytest.mark.parametrize("root", ["grafana-default-email", "voice: noc"])
async def test_whatever_somebody_does_to_policies_is_put_right(world, far, probe_body, root):
    world.apply(probe_body(), client_body(NOC))
    await world.resync()
    far.ask("PUT", POLICIES, far.policies[2] | {"receiver": root, "routes": []}, org=2)
    world.apply(client_body(generation=2))
    await world.resync()
    assert [r["receiver"] for r in policies(far)] == ["grafana-default-email"]
    assert contacts(far) == {}


async def test_a_contact_point_that_was_known_and_is_gone_is_made_again_at_once(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC))
    await world.resync()
    ((_, uid),) = far.contacts
    far.ask("DELETE", POLICIES, org=2)
    far.ask("DELETE", f"/api/v1/provisioning/contact-points/{uid}", org=2)
    changed = NOC | {"email": {"addresses": ["night@acme.example"]}}
    world.apply(client_body(changed, generation=2))
    await world.reconciler.reconcile("acme")
    assert contacts(far) == {"voice: noc": {"addresses": "night@acme.example"}}
    assert [r["receiver"] for r in policies(far)] == ["voice: noc", "grafana-default-email"]
    assert world.cluster.condition("client")["status"] == "True"


async def test_contact_points_of_others_stay(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC))
    await world.resync()
    for uid, name in (("theirs", "theirs"), ("voice-escalation", "escalation")):
        point = {"uid": uid, "name": name, "type": "email", "settings": {"addresses": "them@acme.example"}}
        far.ask("POST", "/api/v1/provisioning/contact-points", point, org=2)
    world.delete("client", "VoiceClient")
    await world.resync()
    assert set(contacts(far)) == {"theirs", "escalation"}


async def test_with_the_last_probe_its_receivers_go(world, far, probe_body):
    world.apply(probe_body(), client_body(NOC))
    await world.resync()
    world.delete("client", "VoiceClient")
    world.delete("inbound-sales")
    await world.resync()
    assert contacts(far) == {}
