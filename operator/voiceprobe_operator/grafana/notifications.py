"""Who is told of one organisation's alerts in Grafana: contact points, the policy that leads to them, and a silence.

Through the provisioning API (Grafana 9.1 and later), as in `alerts`. Raises Transient or Rejected, after which nothing
that `Held` says is certain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voiceprobe_operator import names
from voiceprobe_operator.alerting.contacts import ContactPoint, policy, silence
from voiceprobe_operator.dashboards import Json
from voiceprobe_operator.diff import shows, shows_with_each
from voiceprobe_operator.errors import NotYet, Rejected, Transient
from voiceprobe_operator.grafana.api import Grafana
from voiceprobe_operator.receivers import Receiver

_PROVISIONING = "/api/v1/provisioning"
_CONTACTS = f"{_PROVISIONING}/contact-points"
_OUR_UID = re.compile(rf"{names.CONTACT_POINT_PREFIX}[0-9a-f]{{32}}")
_POLICY = f"{_PROVISIONING}/policies"
_TIMINGS = f"{_PROVISIONING}/mute-timings"


@dataclass(slots=True)
class Held:
    """What an organisation holds: our contact points by uid, the policy tree, and the silence."""

    contacts: dict[str, Json] = field(repr=False)
    policy: Json
    silence: Json | None

    def of(self, receiver: Receiver) -> list[ContactPoint]:
        """The contact points of a receiver as they are. What is secret in them stays as it is."""
        name = names.contact_point(receiver.name)
        return [ContactPoint(uid, have, {}) for uid, have in self.contacts.items() if have["name"] == name]


async def look(grafana: Grafana, org: int) -> Held:
    """What there is. Raises NotYet until Grafana has begun alerting for a new organisation: it does once a minute."""
    tree = await grafana.get(_POLICY, org=org)
    if tree is None:
        raise NotYet("AlertingStarting", "Grafana has not set up alerting for this new organisation yet")
    contacts = await grafana.get(_CONTACTS, org=org) or ()
    timings = await grafana.get(_TIMINGS, org=org) or ()
    return Held(
        # Only what is ours by name: a contact point that somebody else made stays.
        contacts={found["uid"]: found for found in contacts if _OUR_UID.fullmatch(found["uid"])},
        policy=tree,
        silence=next((found for found in timings if found["name"] == names.SILENCE), None),
    )


async def ensure(
    grafana: Grafana, org: int, contacts: Mapping[str, ContactPoint], receivers: Sequence[Receiver], held: Held
) -> list[str]:
    """Make Grafana hold what is wanted, and `held` say so; the names of what was written and removed.

    A policy may only name what is there, and what it names cannot be removed: so it is written in between.
    """
    written = []
    if held.policy["receiver"].startswith(names.contact_point("")):
        # Somebody made one of ours the root, and it could never be removed: back to the one that is always there.
        await grafana.delete(_POLICY, org=org)
        held.policy = await grafana.get(_POLICY, org=org)
    if not shows(mute := silence(), held.silence or {}):
        await _put_silence(grafana, org, mute, is_there=held.silence is not None)
        held.silence = mute
        written.append(names.SILENCE)
    for uid, contact in contacts.items():
        if not shows(contact.visible, held.contacts.get(uid, {})):
            await _put(grafana, org, _CONTACTS, uid, contact.model(), is_there=uid in held.contacts)
            held.contacts[uid] = contact.visible
            written.append(contact.name)
    want = policy(receivers, held.policy["receiver"])
    if not shows_with_each(want, held.policy, "routes"):
        await grafana.send("PUT", _POLICY, want, org=org)
        held.policy = want
        written.append("policy")
    for uid in held.contacts.keys() - contacts.keys():
        await grafana.delete(f"{_CONTACTS}/{uid}", org=org)
        written.append(f"without {held.contacts.pop(uid)['name']}")
    return written


async def _put_silence(grafana: Grafana, org: int, mute: Json, *, is_there: bool) -> None:
    try:
        await _put(grafana, org, _TIMINGS, names.SILENCE, mute, is_there=is_there)
    except Rejected as error:
        # There is nothing in it that could be wrong: an attempt whose answer got lost has made it, and is found so.
        raise Transient("GrafanaUnavailable", error.sentence) from error


async def _put(grafana: Grafana, org: int, path: str, name: str, body: Json, *, is_there: bool) -> None:
    if is_there:
        await grafana.send("PUT", f"{path}/{name}", body, org=org)
    else:
        await grafana.send("POST", path, body, org=org)
