"""What people do behind the operator's back, in Grafana and in the database; what can't be done now is left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from tests.far_grafana import FarGrafana, NotDoneError
from voice_lab.grafana_stand_in.access import MAIN_ORG
from voiceprobe_operator import names

DATASOURCE = "/api/datasources/uid/voice-client"
PROVISIONING = "/api/v1/provisioning"
POLICIES = f"{PROVISIONING}/policies"
SILENCE = f"{PROVISIONING}/mute-timings/{names.SILENCE}"


def with_a_dashboard(far: FarGrafana, number: int, which: int) -> None:
    """Change dashboard number `which`, in the way `number`."""
    boards = sorted(far.dashboards)
    org, uid = boards[which % len(boards)]
    changes = [
        lambda: far.ask("DELETE", f"/api/dashboards/uid/{uid}", org=org),
        lambda: far.drop_panel(org, uid),
        lambda: far.edit_dashboard(org, uid, tags=[]),
        lambda: far.edit_dashboard(org, uid, folderUid=""),
        lambda: far.edit_dashboard(org, uid, title="Somebody's"),
        # This replaces the other one, if that is in the same organisation.
        lambda: far.edit_dashboard(org, uid, title=far.dashboards[boards[which // 7 % len(boards)]]["title"]),
    ]
    _meddle(changes[number % len(changes)])


def with_an_organisation(far: FarGrafana, number: int, which: int) -> None:
    """Change organisation number `which`, or what is in it, in the way `number`."""
    made = sorted(far.orgs.keys() - {MAIN_ORG})
    org = made[which % len(made)]

    def ask(method: str, path: str, body: Any = None) -> None:
        far.ask(method, path, body, org=org)

    changes = [
        lambda: far.delete_org(org),
        lambda: ask("DELETE", DATASOURCE),
        lambda: ask("PUT", DATASOURCE, far.datasources[org] | {"url": "elsewhere"}),
        lambda: far.delete_folder(org),
        lambda: ask("PUT", "/api/folders/voice", {"title": "Somebody's", "overwrite": True}),
        lambda: ask("POST", "/api/folders/voice/permissions", {"items": []}),
        lambda: ask("DELETE", f"{PROVISIONING}/alert-rules/{_pick(far.rules, org, which)}"),
        lambda: far.leave(org),
        lambda: ask("PATCH", f"/api/orgs/{org}/users/2", {"role": "Admin"}),
        lambda: far.add_member(org, far.users.get(2, ""), "Admin"),
        lambda: ask("DELETE", POLICIES),
        lambda: ask("PUT", POLICIES, far.policies[org] | {"routes": []}),
        lambda: _edit_contact_point(far, org, _pick(far.contacts, org, which)),
        lambda: ask("PUT", SILENCE, {"name": names.SILENCE, "time_intervals": []}),
        far.wipe,
    ]
    _meddle(changes[number % len(changes)])


def with_the_plan(plan: dict[tuple[str, str], dict[str, Any]], number: int) -> None:
    """Remove or change a row."""
    if plan:
        key = sorted(plan)[number % len(plan)]
        if number % 2:
            del plan[key]
        else:
            plan[key] = plan[key] | {"every_ms": 1}


def _meddle(change: Callable[[], object]) -> None:
    """Do what somebody tries by hand, if it can be done now."""
    with contextlib.suppress(NotDoneError, KeyError, IndexError):
        change()


def _pick(found: dict[tuple[int, str], Any], org: int, number: int) -> str:
    """One of an organisation's; IndexError if there is none."""
    mine = sorted(uid for of, uid in found if of == org)
    return mine[number % (len(mine) or 1)]


def _edit_contact_point(far: FarGrafana, org: int, uid: str) -> None:
    edited = far.contacts[org, uid] | {"type": "email", "settings": {"addresses": "stranger@example.net"}}
    far.ask("PUT", f"{PROVISIONING}/contact-points/{uid}", edited, org=org)
