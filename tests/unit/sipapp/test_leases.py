"""Who should call what, and how sure a host may be of what it holds."""

from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.plan.leases import TTL_S, Host, Lease, Tenure, holder, share

BOTH = ("dialer", "receiver")
LEASES = [Lease(f"client-{number % 7}", f"probe-{number}", BOTH[number % 2]) for number in range(2000)]
hosts_named = st.sets(st.text("abc-1", min_size=1, max_size=6), min_size=1, max_size=6).map(
    lambda names: [Host(name, BOTH) for name in sorted(names)]
)
leases = st.builds(Lease, st.text(max_size=5), st.text(max_size=5), st.sampled_from(BOTH))


@given(leases, hosts_named, st.randoms())
def test_every_host_comes_to_the_same_answer(lease: Lease, hosts: list[Host], random):
    answer = holder(lease, hosts)
    random.shuffle(hosts)
    assert holder(lease, hosts) == answer
    assert [host.name for host in hosts if lease in share(host.name, hosts, [lease])] == [answer]


@given(leases, hosts_named)
def test_a_host_that_goes_moves_only_what_it_held(lease: Lease, hosts: list[Host]):
    before = holder(lease, hosts)
    for gone in hosts:
        after = holder(lease, [host for host in hosts if host is not gone])
        assert before in (after, gone.name)


def test_shares_are_even():
    hosts = [Host(f"sip-{number}", BOTH) for number in range(4)]
    sizes = [len(share(host.name, hosts, LEASES)) for host in hosts]
    assert sum(sizes) == len(LEASES)
    assert min(sizes) > 430


def test_a_host_holds_only_what_it_was_set_up_for():
    hosts = [Host("a", ("dialer",)), Host("b", BOTH, ("client-1",)), Host("c", ())]
    for lease in LEASES:
        allowed = {"a"} if lease.party == "dialer" else set()
        allowed |= {"b"} if lease.client == "client-1" else set()
        found = holder(lease, hosts)
        assert (found in allowed) if allowed else (found is None)


HELD = frozenset(LEASES[:3])


def test_a_lease_is_sure_for_as_long_as_the_database_gave_it():
    tenure = Tenure()
    assert not tenure.may_call(0)
    tenure.renewed(HELD, 100)
    assert tenure.held == HELD
    assert tenure.may_call(100 + TTL_S - 0.01)
    assert not tenure.may_call(100 + TTL_S), "a process that stood still asks before it calls"


def test_without_the_database_what_was_held_is_called_on():
    tenure = Tenure(HELD)
    tenure.failed()
    assert tenure.may_call(0)
    tenure.renewed(HELD, 100)
    tenure.failed()
    assert tenure.may_call(100_000)
    tenure.renewed(frozenset(), 200_000)
    assert tenure.held == frozenset()
