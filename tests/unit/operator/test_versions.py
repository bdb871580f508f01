"""Which Grafana is supported, and who is told if it is not."""

import datetime
import logging

import pytest

from tests.operator_world import TODAY
from tests.unit.operator.bodies import voice_client
from voiceprobe_operator.grafana.versions import LINES, judged


@pytest.mark.parametrize(
    ("release", "ok", "reason"),
    [
        ("12.4.11", True, "Supported"),
        ("12.4.12", True, "Supported"),
        ("13.0.9", True, "Supported"),
        ("13.1.6", True, "Supported"),
        ("13.2.2", True, "Supported"),
        ("13.2.3", True, "Supported"),
        ("v13.2.3", True, "Supported"),
        ("13.2.2+security-01", True, "Supported"),
        ("12.4.10", False, "KnownHoles"),
        ("12.4.10+security-07", False, "KnownHoles"),
        ("12.4.0", False, "KnownHoles"),
        ("13.0.8", False, "KnownHoles"),
        ("13.1.5", False, "KnownHoles"),
        ("13.2.1", False, "KnownHoles"),
        ("12.3.11", False, "EndOfLife"),
        ("12.1.1+security-01", False, "EndOfLife"),
        ("11.6.16", False, "EndOfLife"),
        ("10.0.0", False, "EndOfLife"),
        ("8.5.27", False, "EndOfLife"),
        ("13.3.0", None, "NewerThanKnown"),
        ("12.5.0", None, "NewerThanKnown"),
        ("14.0.0", None, "NewerThanKnown"),
        ("13.0.0-preview", None, "NotARelease"),
        ("10.0.0-stand-in", None, "NotARelease"),
        ("12.4.0-20890345066", None, "NotARelease"),
        ("13.2", None, "NotARelease"),
        ("main", None, "NotARelease"),
        ("13.2.3\nnot", None, "NotARelease"),
        ("", None, "VersionHidden"),
    ],
)
def test_a_release_is_supported_has_known_holes_or_is_none(release, ok, reason):
    found = judged(release, TODAY)
    assert (found.ok, found.reason) == (ok, reason)


def test_what_to_do_is_said():
    assert judged("12.4.8", TODAY).message == (
        "Grafana 12.4.8 has known holes: upgrade to 12.4.11 or a later release of 12.4, or to a newer line"
    )
    assert judged("10.0.3", TODAY).message == (
        "Grafana 10.0.3 gets no security fixes any more: upgrade to 13.2.2 or a later release of 13.2"
    )


def test_a_security_release_is_more_than_the_release_that_it_mends(monkeypatch):
    monkeypatch.setitem(LINES, (12, 4), LINES[12, 4]._replace(patched=(12, 4, 11, 2)))
    assert judged("12.4.11+security-01", TODAY).ok is False
    assert judged("12.4.11+security-02", TODAY).ok is True
    assert "upgrade to 12.4.11+security-02 or" in judged("12.4.11", TODAY).message


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_supported_until_its_end(line):
    patched, until = LINES[line]
    release = ".".join(map(str, patched[:3]))
    assert judged(release, until).ok is True
    after = judged(release, until + datetime.timedelta(days=1))
    assert (after.ok, after.reason) == (False, "EndOfLife")


def test_when_all_that_is_known_has_ended_no_release_is_recommended():
    assert judged("13.2.3", datetime.date(2030, 1, 1)).message == (
        "Grafana 13.2.3 gets no security fixes any more: upgrade to a line that is supported"
    )


# --- who is told ---


def supported(world):
    found = world.cluster.condition("client", "GrafanaSupported")
    return found["status"], found["reason"]


@pytest.fixture
def running(world, probe_body):
    world.apply(probe_body(), voice_client(displayName="Acme Ltd"))
    return world


async def test_the_client_is_told_and_ready_all_the_same(running, far):
    far.restart(version="12.4.8")
    await running.resync()
    assert supported(running) == ("False", "KnownHoles")
    assert running.cluster.condition("client")["status"] == "True"
    assert ("client", "Applied") in running.cluster.events
    kinds = {c["type"] for c in running.cluster.objects_["VoiceProbe", "acme", "inbound-sales"]["status"]["conditions"]}
    assert "GrafanaSupported" not in kinds


async def test_the_condition_follows_an_upgrade_at_the_next_resync_and_is_written_once(running, far):
    far.restart(version="13.2.1")
    await running.resync()
    assert supported(running) == ("False", "KnownHoles")
    far.restart(version="13.2.3")
    running.forget_requests()
    await running.resync()
    assert supported(running) == ("True", "Supported")
    assert [name for name, _ in running.cluster.patches] == ["client"]
    await running.resync()
    assert len(running.cluster.patches) == 1


async def test_of_the_labs_stand_in_nothing_is_known(running, far):
    far.restart(version="10.0.0-stand-in")
    await running.resync()
    assert supported(running) == ("Unknown", "NotARelease")
    assert running.cluster.condition("client")["status"] == "True"


async def test_a_client_whose_spec_cannot_work_is_told_too(running, far):
    running.apply(voice_client(2, timeZone="Mars/Olympus"))
    await running.resync()
    assert supported(running) == ("False", "EndOfLife")


async def test_a_grafana_that_never_answered_is_not_judged(running, far):
    far.away = True
    with pytest.raises(Exception, match="does not answer"):
        await running.resync()
    assert {c["type"] for c in running.cluster.objects_["VoiceClient", "acme", "client"]["status"]["conditions"]} == {
        "Ready", "PlanPublished", "DatasourceReady", "DashboardsReady", "AlertsReady"
    }  # fmt: skip


async def test_it_is_logged_at_the_start_and_when_it_changes(running, far, caplog):
    def warned():
        return [r.getMessage() for r in caplog.records if "Grafana 1" in r.getMessage() and r.levelno > logging.INFO]

    with caplog.at_level(logging.INFO):
        far.restart(version="12.4.8")
        await running.resync()
        await running.resync()
        assert len(warned()) == 1
        assert "upgrade to 12.4.11" in warned()[0]
        far.restart(version="12.4.9")
        await running.resync()
        assert len(warned()) == 2
        far.restart(version="10.0.0-stand-in")
        await running.resync()
        far.restart(version="13.2.3")
        await running.resync()
        assert len(warned()) == 2
