"""How much may go at once."""

from voiceprobe_operator.reconciling.sweep import Guard, refuses_sweep


def test_a_sweep_of_more_than_half_is_refused_unless_it_is_a_handful():
    assert not refuses_sweep(range(10), range(10))
    assert not refuses_sweep(range(50), range(100))
    assert refuses_sweep(range(51), range(100))
    assert refuses_sweep(range(11), range(11))
    assert not refuses_sweep((), ())


def probes(count):
    return {("acme", f"p{n}") for n in range(count)}


def test_before_a_complete_list_was_compared_everything_stays():
    assert Guard(sweep_all=False).keeps("acme", "p1")


def test_what_vanished_unseen_stays_and_what_was_told_goes():
    guard = Guard(sweep_all=False)
    assert guard.judge(probes(20), set(), ended=set()) == 20
    assert guard.keeps("acme", "p1")
    assert not guard.keeps("acme", "p99")
    assert guard.judge(probes(20), set(), ended=probes(12)) == 0
    assert not guard.keeps("acme", "p1")


def test_a_flag_lets_everything_go():
    guard = Guard(sweep_all=True)
    assert guard.judge(probes(20), set(), ended=set()) == 0
    assert not guard.keeps("acme", "p1")
