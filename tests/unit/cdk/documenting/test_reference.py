"""The reference of keys: every key of the schema, with what the example says of it."""

from pathlib import Path

import pytest

from voice_cdk.config import schema
from voice_cdk.documenting.reference import UndescribedError, reference

EXAMPLE = Path(__file__).resolve().parents[4] / "cdk" / "config" / "example.toml"
KEYS = [key.name for keys in (schema.TOP, *schema.SECTIONS.values(), schema.CLIENT) for key in keys]


def rows(example: str) -> dict[str, tuple[str, str]]:
    """Default and meaning by key; of keys of one name, the last."""
    cells = [line.strip("| ").split(" | ") for line in reference(example).splitlines() if line.startswith("| `")]
    return {name.strip("`"): (default, meaning) for name, default, meaning in cells}


def test_every_key_has_a_row():
    lines = reference(EXAMPLE.read_text()).splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == KEYS


def test_what_a_key_means_stands_beside_it_or_above_it_or_in_the_list_of_clients():
    found = rows(EXAMPLE.read_text())
    assert found["backup_days"] == ("`14`", "1 to 35")
    assert found["certificate"] == ("must be there", "Of ACM, for the domain, in this region and account")
    assert found["gateway"][0] == "none"
    assert found["sip_family"][1].startswith('"ipv6" or "ipv4", in which its telephony speaks')


def test_both_a_line_beside_a_key_and_a_block_above_it_are_told():
    found = rows(EXAMPLE.read_text())
    assert found["shared"][1].startswith("VPC-A: cluster, portal, Grafana — IPv4 blocks of the VPCs")


def test_defaults_have_a_column_and_are_not_told_twice():
    assert all(
        "default" not in meaning.lower() for key, (_, meaning) in rows(EXAMPLE.read_text()).items() if key != "allowed"
    )


def test_keys_that_the_example_says_nothing_about_are_named_all_at_once():
    silent = EXAMPLE.read_text().replace("# everything stands there", "").replace("# what Route 53 calls it", "")
    with pytest.raises(UndescribedError, match=r"does not say what these mean: region, portal\.zone_id$"):
        reference(silent)
