"""Contact points (contract, 9.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.grafana.cases import Case, case, table
from tests.contract.grafana.matching import UUID, failed
from tests.contract.grafana.server import read
from tests.contract.grafana.world import Org

pytestmark = pytest.mark.services
PATH = "/api/v1/provisioning/contact-points"
POLICIES = "/api/v1/provisioning/policies"
NOC = f"voice-{'a' * 32}"
ONE = f"{PATH}/{NOC}"
REDACTED = "[REDACTED]"
OPEN = {"url": "https://hooks.example/", "httpMethod": "POST", "authorization_scheme": "Bearer"}
WEBHOOK = {
    "uid": NOC, "name": "voice: noc", "type": "webhook",
    "settings": OPEN | {"authorization_credentials": "secret"},
}  # fmt: skip
EMAIL = {
    "uid": f"voice-{'c' * 32}", "name": "voice: mail", "type": "email",
    "settings": {"addresses": "a@x.example;b@x.example"},
}  # fmt: skip
BORN = {
    "uid": "", "name": "email receiver", "type": "email", "settings": {"addresses": "<example@email.com>"},
    "disableResolveMessage": False,
}  # fmt: skip
UPDATED, DELETED = {"message": "contactpoint updated"}, {"message": "contactpoint deleted"}
TAKEN = (
    f"receiver configuration with UID '{NOC}' already exist in contact point 'voice: noc'. "
    "Please use unique identifiers for receivers across all contact points"
)
IN_USE = failed("contact point 'voice: noc' is currently used by a notification policy")
UNMARKED = {"X-Disable-Provenance": "true"}


def shown(point: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """As it is read: nothing of a secret but that there is one."""
    secret = {"authorization_credentials": REDACTED} if "authorization_credentials" in point["settings"] else {}
    told = {"settings": point["settings"] | secret | settings, "disableResolveMessage": False, "provenance": "api"}
    return point | told


@pytest.fixture
def noc(alerted: Org) -> Org:
    """An organisation with a webhook."""
    read(alerted.admin.post(PATH, WEBHOOK))
    return alerted


def points(org: Org) -> list[dict[str, Any]]:
    return [point for point in read(org.admin.get(PATH)) if point["uid"]]


def test_a_webhook_is_made_and_its_secret_is_never_read_back(alerted: Org):
    answer = alerted.admin.post(PATH, WEBHOOK)
    alerted.server.check(answer, 202, shown(WEBHOOK, password=REDACTED))
    alerted.server.check(alerted.admin.get(PATH), 200, [BORN, shown(WEBHOOK)])
    assert "secret" not in answer.text + alerted.admin.get(PATH).text


def test_mail_is_made(alerted: Org):
    alerted.server.check(alerted.admin.post(PATH, EMAIL), 202, shown(EMAIL))
    alerted.server.check(alerted.admin.get(PATH), 200, [BORN, shown(EMAIL)])


def test_a_contact_point_without_a_uid_is_given_one(alerted: Org):
    point = {name: value for name, value in EMAIL.items() if name != "uid"}
    alerted.server.check(alerted.admin.post(PATH, point), 202, shown(point) | {"uid": UUID})


def test_a_webhook_without_credentials_shows_none(alerted: Org):
    bare = WEBHOOK | {"settings": {"url": "https://hooks.example/"}}
    read(alerted.admin.post(PATH, bare))
    alerted.server.check(alerted.admin.get(PATH), 200, [BORN, shown(bare)])


def test_contact_points_are_listed_by_name_the_born_one_among_them(alerted: Org):
    for name in ("zulu", "alpha", "foxtrot"):
        read(alerted.admin.post(PATH, EMAIL | {"uid": name, "name": name}))
    told = [point["name"] for point in read(alerted.admin.get(PATH))]
    assert told == ["alpha", "email receiver", "foxtrot", "zulu"]


@pytest.mark.parametrize(
    ("name", "found"), [("voice: noc", [NOC]), ("voice: NOC", []), ("voice", [])], ids=["exact", "case", "part"]
)
def test_contact_points_are_found_by_their_exact_name(noc: Org, name: str, found: list[str]):
    assert [point["uid"] for point in read(noc.admin.get(PATH, name=name))] == found


def test_another_of_the_same_name_is_a_second_integration_of_that_receiver(noc: Org):
    read(noc.admin.post(PATH, WEBHOOK | {"uid": "voice-other"}))
    assert sorted(point["uid"] for point in read(noc.admin.get(PATH, name="voice: noc"))) == [NOC, "voice-other"]


def test_neither_uid_nor_name_is_checked(alerted: Org):
    alerted.server.only_before("11.0", "nobody recorded what newer ones take; 12.x refuses no name (#113064)")
    odd = EMAIL | {"uid": "a b/", "name": ""}
    alerted.server.check(alerted.admin.post(PATH, odd), 202, shown(odd))
    alerted.server.check(alerted.admin.get(PATH), 200, [shown(odd), BORN])


def invalid(name: str, uid: str, kind: str, why: str) -> Any:
    return failed(
        f'invalid object specification: failed to validate integration "{name}" (UID {uid}) of type "{kind}": {why}'
    )


def test_a_uid_that_is_taken_is_refused(noc: Org):
    noc.server.only_before("11.5", "409 (pull request #98970)")
    for name in ("voice: noc", "voice: other"):
        noc.server.check(noc.admin.post(PATH, WEBHOOK | {"name": name}), 500, failed(TAKEN))
    assert points(noc) == [shown(WEBHOOK)]


def test_a_uid_that_is_taken_is_a_conflict(noc: Org):
    noc.server.only_since("12.0", "it was 500, until some version between 11.5 and 12 (pull request #98970)")
    assert noc.admin.post(PATH, WEBHOOK).status_code == 409


def test_a_webhook_without_an_address_is_refused(alerted: Org):
    point = {"uid": "nu", "name": "nu", "type": "webhook", "settings": {"httpMethod": "POST"}}
    recorded = invalid("nu", "nu", "webhook", "required field 'url' is not specified")
    alerted.server.check(alerted.admin.post(PATH, point), 400, recorded)
    assert points(alerted) == []


@pytest.mark.parametrize(
    "wrong", [{"type": "none"}, {"settings": {}}, {"settings": {"addresses": ""}}],
    ids=["an unknown type", "no addresses", "empty addresses"],
)  # fmt: skip
def test_a_contact_point_is_refused_with(alerted: Org, wrong: dict[str, Any]):
    """Why, each integration says in its own words."""
    answer = alerted.admin.post(PATH, EMAIL | wrong)
    words = "invalid object specification: failed to validate integration"
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(words)
    assert points(alerted) == []


def test_settings_are_replaced_as_a_whole(noc: Org):
    changed = WEBHOOK | {"settings": {"url": "https://else.example/", "authorization_credentials": "new"}}
    noc.server.check(noc.admin.put(ONE, changed), 202, UPDATED)
    noc.server.check(noc.admin.get(PATH), 200, [BORN, shown(changed)])


def test_a_secret_that_is_left_out_is_gone(noc: Org):
    """Unlike a datasource's."""
    read(noc.admin.put(ONE, WEBHOOK | {"settings": OPEN}))
    noc.server.check(noc.admin.get(PATH), 200, [BORN, shown(WEBHOOK | {"settings": OPEN})])


def test_a_secret_that_is_sent_as_it_was_read_is_kept(noc: Org):
    read(noc.admin.put(ONE, WEBHOOK | {"settings": OPEN | {"authorization_credentials": REDACTED}}))
    noc.server.check(noc.admin.get(PATH), 200, [BORN, shown(WEBHOOK)])


def test_another_name_moves_an_integration(noc: Org):
    read(noc.admin.put(ONE, WEBHOOK | {"name": "voice: moved"}))
    assert points(noc) == [shown(WEBHOOK | {"name": "voice: moved"})]


def test_a_contact_point_that_there_is_not_is_not_changed(alerted: Org):
    missing = failed("object not found: contact point with uid 'nope' not found")
    alerted.server.check(alerted.admin.put(f"{PATH}/nope", WEBHOOK | {"uid": "nope"}), 404, missing)
    assert points(alerted) == []


def test_a_contact_point_is_deleted_and_one_that_there_is_not_too(noc: Org):
    for _ in range(2):
        noc.server.check(noc.admin.delete(ONE), 202, DELETED)
    noc.server.check(noc.admin.get(PATH), 200, [BORN])


USED = {"receiver": "grafana-default-email", "group_by": ["alertname"], "routes": [{"receiver": "voice: noc"}]}


def test_the_last_of_a_name_that_a_policy_uses_is_not_deleted(noc: Org):
    read(noc.admin.put(POLICIES, USED))
    answer = noc.admin.delete(ONE)
    if noc.server.since("11.0"):
        assert answer.status_code in {409, 500}, "some 11.x: alerting.notifications.contact-points.referenced"
    else:
        noc.server.check(answer, 500, IN_USE)
    assert points(noc) == [shown(WEBHOOK)]


def test_one_of_a_name_that_a_policy_uses_is_deleted_while_another_is_left(noc: Org):
    read(noc.admin.put(POLICIES, USED))
    read(noc.admin.post(PATH, WEBHOOK | {"uid": "voice-other"}))
    noc.server.check(noc.admin.delete(ONE), 202, DELETED)
    assert points(noc) == [shown(WEBHOOK | {"uid": "voice-other"})]


def test_with_the_header_a_contact_point_has_no_provenance_until_it_is_put_without(alerted: Org):
    told = read(alerted.admin.having(**UNMARKED).post(PATH, WEBHOOK))
    assert "provenance" not in told
    assert "provenance" not in points(alerted)[0]
    read(alerted.admin.put(ONE, WEBHOOK))
    assert points(alerted) == [shown(WEBHOOK)]


@table(case("changed", f"PUT {ONE}", WEBHOOK, 500, failed("cannot change provenance from 'api' to ''")))
@pytest.mark.parametrize("value", ["true", ""])
def test_a_contact_point_of_the_api_is_not_taken_out_of_its_hands(noc: Org, case: Case, value: str):
    case.check(noc.admin.having(**{"X-Disable-Provenance": value}), {})
    assert points(noc) == [shown(WEBHOOK)]
