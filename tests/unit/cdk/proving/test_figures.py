"""What a tool is worth beside others: what it alone notices."""

from voice_cdk.proving.figures import JUDGE, figure

CAUGHT = {JUDGE: {0, 1, 2, 3}, "cfn-lint": {2, 4, 5}, "moto": {3, 5}}


def counts(tool: str) -> tuple[int, int, int, int]:
    found = figure(tool, 7, CAUGHT, 0.5)
    assert (found.tool, found.mutants, found.seconds) == (tool, 7, 0.5)
    return found.caught, found.alone, found.alone_but_for_judge, found.beside_judge


def test_alone_is_what_nobody_else_noticed():
    assert counts("cfn-lint") == (3, 1, 2, 2)
    assert counts("moto") == (2, 0, 1, 1)


def test_the_judge_is_beside_itself_with_nothing():
    assert counts(JUDGE) == (4, 2, 2, 0)
