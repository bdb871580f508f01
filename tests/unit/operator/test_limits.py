"""Which connections of read accounts must end, and what the watch over them does and says."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceprobe_operator import metrics
from voiceprobe_operator.database import limits
from voiceprobe_operator.database.limits import Reader
from voiceprobe_operator.errors import Transient
from voiceprobe_operator.reconciling.readers import Readers


def test_a_connection_ends_when_it_has_lived_too_long_whatever_it_did_meanwhile():
    readers = [Reader(1, "vc_1")]
    seen = limits.first_seen({}, readers, 100.0)
    assert limits.overdue(seen, readers, 100.0 + limits.SECONDS - 1) == []
    seen = limits.first_seen(seen, readers, 129.0)
    (over,) = limits.overdue(seen, readers, 100.0 + limits.SECONDS)
    assert (over.reader.id, over.reason, over.seconds) == (1, "time", limits.SECONDS)


@pytest.mark.parametrize(
    ("reader", "reason"),
    [
        (Reader(1, "vc_1", memory=limits.MEMORY_BYTES + 1), "memory"),
        (Reader(1, "voice_fleet", locks=1), "locks"),
    ],
)
def test_one_that_takes_too_much_memory_or_any_lock_ends_at_once(reader, reason):
    assert [over.reason for over in limits.overdue({1: 5.0}, [reader], 5.0)] == [reason]


@given(st.lists(st.sets(st.integers(1, 5)), max_size=40))
def test_none_lives_longer_than_the_limit_and_none_is_remembered_that_is_gone(looks):
    """Whoever is there at each look, 2 s apart: ended are those that have been there for the limit without a gap."""
    seen, since = {}, {}
    for number, ids in enumerate(looks):
        now, readers = number * 2.0, [Reader(id_, "vc_1") for id_ in ids]
        seen = limits.first_seen(seen, readers, now)
        since = {id_: since.get(id_, now) for id_ in ids}
        assert set(seen) == ids
        ended = {over.reader.id for over in limits.overdue(seen, readers, now)}
        assert ended == {id_ for id_ in ids if now - since[id_] >= limits.SECONDS}


class Server:
    """MySQL's list of connections."""

    def __init__(self, *readers):
        self.now, self.ended, self.trouble, self.sentences = list(readers), [], None, []

    async def readers(self):
        if self.trouble:
            raise Transient("DatabaseDenied", self.trouble)
        return self.now

    async def end_readers(self, connections):
        self.ended += connections

    async def unlimited(self):
        return self.sentences


def counted(reason):
    return metrics.REGISTRY.get_sample_value("voice_operator_readers_ended_total", {"reason": reason})


async def test_what_is_ended_is_logged_and_counted(caplog, monkeypatch):
    server = Server(Reader(7, "vc_1"), Reader(8, "vc_2"))
    watch, before = Readers(server), counted("time")
    await watch.look()
    assert server.ended == []
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + limits.SECONDS + 1)
    server.now = [Reader(7, "vc_1")]
    with caplog.at_level(logging.WARNING):
        await watch.look()
    assert server.ended == [7]
    assert counted("time") == before + 1
    assert [r.getMessage() for r in caplog.records] == ["account vc_1: queries ended: 1, after at most 31 s (time)"]


async def test_trouble_is_raised_with_what_it_means():
    server = Server()
    server.trouble = "denied"
    with pytest.raises(Transient, match="nobody watches what clients ask MySQL: denied"):
        await Readers(server).look()


async def test_what_the_servers_settings_leave_unlimited_is_told_once(caplog):
    server = Server()
    server.sentences = ["MySQL's connection_memory_limit is not set"]
    watch = Readers(server)
    with caplog.at_level(logging.INFO):
        await watch.look()
        await watch.look()
    assert [record.getMessage() for record in caplog.records] == server.sentences
