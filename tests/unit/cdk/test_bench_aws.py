"""What `make bench-aws` judges besides the example: variants and disguises that have to be right themselves."""

import tomllib
from pathlib import Path

import pytest
from bench.aws.disguises import disguised
from bench.aws.variants import toml, variants
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cdk.judge.reference import NETWORK, platform
from voice_cdk.config.loading import judge as judge_configuration
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import from_templates

EXAMPLE = Path(__file__).resolve().parents[3] / "cdk" / "config" / "example.toml"
VARIANTS = dict(variants(tomllib.loads(EXAMPLE.read_text())))
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**63), 2**63 - 1) | st.booleans()
ITEMS = VALUES | st.lists(VALUES, max_size=3)
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_a_configuration_that_nothing_is_said_against(name: str):
    judge_configuration(tomllib.loads(toml(VARIANTS[name])))


@given(st.dictionaries(NAMES, st.recursive(ITEMS, lambda inner: st.dictionaries(NAMES, inner), max_leaves=5)))
def test_tables_are_written_as_they_are_read(tables: dict[str, object]):
    assert tomllib.loads(toml(tables)) == tables


@pytest.mark.parametrize("seed", range(2))
def test_a_disguise_leaves_no_name_and_nothing_more_to_find_fault_with(seed: int):
    original = from_templates(platform().templates())
    hidden = disguised(original, seed)
    names = {key.logical_id for key, _ in original.resources()}
    assert not names & {key.logical_id for key, _ in hidden.resources()}
    assert len(list(hidden.resources())) == len(names)
    assert len(judge(hidden)) == len(judge(original))


def test_a_fault_is_found_in_a_disguise_too():
    templates = platform().templates()
    del templates[NETWORK]["Resources"]["AAppsAToDatabase"]
    broken = from_templates(templates)
    assert len(judge(disguised(broken, 0))) == len(judge(broken)) > 0
