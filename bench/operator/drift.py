"""Every kind of object spoilt by hand, in Grafana, MySQL and Kubernetes, and how long until it is right again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from bench.figures import figure
from bench.operator.probes import API, probe_name
from bench.operator.scene import Scene
from voice_lab import pods, progress
from voice_lab.services import database

PATIENCE = 300
_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True)
class Drift:
    """One way to spoil something: `look` sees it, and sees a difference once `spoil` was done."""

    what: str
    look: Callable[[], Any]
    spoil: Callable[[], object]


def corrected(at: Scene, resync: int) -> None:
    """Spoil one thing of every kind, then wait until each is as it was."""
    *others, secret = [*_in_grafana(at), *_in_mysql(at), *_in_kubernetes(at)]
    # A Secret is watched, and once it went all of its client is looked at: all else would be right at once, too.
    took = _spoilt(others) | _spoilt([secret])
    for what, seconds in took.items():
        figure(f"drift_{what.replace(' ', '_')}_s", seconds, "s", at=at.size)
    longest = max(took.values())
    figure("drift_corrected_s", longest, "s", against=f"a resync every {resync} s", ratio=longest / resync, at=at.size)


def _spoilt(every: Sequence[Drift]) -> dict[str, float]:
    """How long each was spoilt, in seconds."""
    right = {each.what: each.look() for each in every}
    began = {}
    for each in every:
        each.spoil()
        began[each.what] = time.monotonic()
        if each.look() == right[each.what]:
            raise RuntimeError(f"{each.what}: nothing is spoilt, so nothing can be put right")
    with progress.step("drift", f"{len(every)} things spoilt"):
        return _wait(every, right, began)


def _wait(every: Sequence[Drift], right: Mapping[str, Any], began: Mapping[str, float]) -> dict[str, float]:
    took: dict[str, float] = {}
    while len(took) < len(every):
        for each in every:
            if each.what not in took and each.look() == right[each.what]:
                took[each.what] = time.monotonic() - began[each.what]
        if time.monotonic() - max(began.values()) > PATIENCE:
            wrong = {e.what: e.look() for e in every if e.what not in took}
            raise RuntimeError(f"not put right within {PATIENCE} s: {wrong}")
        time.sleep(0.5)
    return took


def _in_grafana(at: Scene) -> Iterator[Drift]:
    client, _ = probe_name(0, at.clients)
    org = at.organisations()[client]
    headers = {"X-Grafana-Org-Id": str(org)}

    def call(method: str, path: str, **content: Any) -> Any:  # noqa: ANN401 - JSON of Grafana
        answer = at.grafana.request(method, path, headers=headers, **content).raise_for_status()
        return answer.json() if answer.content else None

    def boards() -> set[str]:
        return {hit["uid"] for hit in call("GET", "/api/search", params={"type": "dash-db", "limit": 5000})}

    def datasource() -> Any:  # noqa: ANN401 - JSON of Grafana
        # Not the fingerprint: another password, for the Secret that is deleted too, has another one.
        columns = ("uid", "name", "url", "user", "isDefault")
        return [{column: each[column] for column in columns} for each in call("GET", "/api/datasources")]

    def folder() -> Any:  # noqa: ANN401 - JSON of Grafana
        return [(each["uid"], each["title"]) for each in call("GET", "/api/folders")]

    def members() -> set[tuple[str, str]]:
        return {(user["login"], user["role"]) for user in call("GET", "/api/org/users")}

    def rules() -> dict[str, Any]:
        found = call("GET", "/api/v1/provisioning/alert-rules")
        return {rule["uid"]: (rule["title"], rule["data"], rule["annotations"]) for rule in found}

    def policy() -> Any:  # noqa: ANN401 - JSON of Grafana
        return call("GET", "/api/v1/provisioning/policies")

    def points() -> Any:  # noqa: ANN401 - JSON of Grafana
        return [(each["name"], each["settings"]) for each in call("GET", "/api/v1/provisioning/contact-points")]

    def ours() -> dict[str, Any]:
        return next(each for each in call("GET", "/api/v1/provisioning/contact-points") if each["uid"])

    elsewhere = {"settings": {"addresses": "by@hand.example"}}
    never = {"name": "voice-nobody", "time_intervals": [{"years": ["1999"]}]}

    def edit_datasource() -> None:
        whole = call("GET", "/api/datasources/uid/voice-client")
        call("PUT", "/api/datasources/uid/voice-client", json={**whole, "user": "somebody_else"})

    def edit_rule() -> None:
        rule = call("GET", "/api/v1/provisioning/alert-rules")[0]
        call("PUT", f"/api/v1/provisioning/alert-rules/{rule['uid']}", json={**rule, "title": "By hand"})

    def promote_viewer() -> None:
        viewer = next(u for u in call("GET", "/api/org/users") if u["login"] != "admin")
        call("PATCH", f"/api/org/users/{viewer['userId']}", json={"role": "Editor"})

    one = sorted(boards())[0]
    rule = next(iter(rules()), None)
    yield Drift("dashboard deleted", boards, lambda: call("DELETE", f"/api/dashboards/uid/{one}"))
    yield Drift("datasource edited", datasource, edit_datasource)
    renamed = {"title": "By hand", "overwrite": True}
    yield Drift("folder renamed", folder, lambda: call("PUT", "/api/folders/voice", json=renamed))
    yield Drift("viewer promoted", members, promote_viewer)
    if rule is not None:
        path = f"/api/v1/provisioning/alert-rules/{rule}"
        yield Drift("alert rule deleted", lambda: rule in rules(), lambda: call("DELETE", path))
        yield Drift("alert rule edited", rules, edit_rule)
    contacts, timing = "/api/v1/provisioning/contact-points", "/api/v1/provisioning/mute-timings/voice-nobody"
    yield Drift("policy reset", policy, lambda: call("DELETE", "/api/v1/provisioning/policies"))
    yield Drift(
        "contact point edited", points, lambda: call("PUT", f"{contacts}/{ours()['uid']}", json=ours() | elsewhere)
    )
    yield Drift(
        "silence edited", lambda: call("GET", timing)["time_intervals"], lambda: call("PUT", timing, json=never)
    )


def _in_mysql(at: Scene) -> Iterator[Drift]:
    client, probe = probe_name(0, at.clients)

    def sql(statement: str, *values: object) -> Any:  # noqa: ANN401 - rows
        with closing(database.connect(at.lab, "admin")) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            connection.commit()
            return cursor.fetchall()

    account = sql("SELECT account FROM voice.voice_client WHERE client = %s", client)[0][0]

    def row() -> Any:  # noqa: ANN401 - rows
        columns = "probe, uid, generation, destination, mos_warning, every_ms"
        return sql(f"SELECT {columns} FROM voice.voice_probe WHERE client = %s AND probe = %s", client, probe)  # noqa: S608

    def may() -> Any:  # noqa: ANN401 - rows
        return sql("SELECT COUNT(*) FROM mysql.tables_priv WHERE User = %s", account)

    delete = "DELETE FROM voice.voice_probe WHERE client = %s AND probe = %s"
    yield Drift("plan row deleted", row, lambda: sql(delete, client, probe))
    edit = "UPDATE voice.voice_probe SET destination = 'sip:by@hand.example' WHERE client = %s AND probe = %s"
    yield Drift("plan row edited", row, lambda: sql(edit, client, probe))
    yield Drift("account dropped", may, lambda: sql("DROP USER %s@'%%'", account))


def _in_kubernetes(at: Scene) -> Iterator[Drift]:
    client, probe = probe_name(0, at.clients)
    path = f"{API}/namespaces/{client}/voiceprobes/{probe}"
    secret = f"/api/v1/namespaces/{pods.NAMESPACE}/secrets/voice-client-{client}"

    def conditions() -> Any:  # noqa: ANN401 - JSON of Kubernetes
        found = at.cluster.get(path).raise_for_status().json().get("status", {}).get("conditions", [])
        return [(each["type"], each["status"]) for each in found]

    def forget() -> None:
        at.cluster.patch(f"{path}/status", json={"status": None}, headers=_MERGE).raise_for_status()

    def there() -> bool:
        return at.cluster.get(secret).is_success

    yield Drift("status emptied", conditions, forget)
    yield Drift("secret deleted", there, lambda: at.cluster.delete(secret).raise_for_status())
