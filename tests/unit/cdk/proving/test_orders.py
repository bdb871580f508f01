"""Orders in which CloudFormation could make the resources of templates: any that waits for what is named."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voice_cdk.judge.keys import Key
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import from_templates
from voice_cdk.proving.emulating.orders import orders


def resource(*names: int) -> dict[str, Any]:
    return {"Type": "AWS::EC2::Volume", "DependsOn": [f"R{name}" for name in names]}


@st.composite
def templates(draw: st.DrawFn) -> dict[str, Any]:
    """Resources that wait for some of those before them."""
    number = draw(st.integers(1, 12))
    waits = [draw(st.sets(st.integers(0, each - 1))) if each else set() for each in range(number)]
    return {"Resources": {f"R{each}": resource(*sorted(names)) for each, names in enumerate(waits)}}


@given(template=templates(), seed=st.integers())
def test_everything_is_made_once_and_after_what_it_waits_for(template: dict[str, Any], seed: int):
    resolver = Resolver(from_templates({"stack": template}))
    for order in orders(resolver, seed):
        assert sorted(order) == sorted(resolver.keys)
        place = {key.logical_id: number for number, key in enumerate(order)}
        for name, each in template["Resources"].items():
            assert all(place[other] < place[name] for other in each["DependsOn"])


@given(number=st.integers(2, 12), seed=st.integers())
def test_of_two_that_do_not_wait_each_comes_first_once(number: int, seed: int):
    resolver = Resolver(from_templates({"stack": {"Resources": {f"R{each}": resource() for each in range(number)}}}))
    first, second = orders(resolver, seed)
    assert first == second[::-1]


def test_what_waits_for_itself_is_never_made():
    resolver = Resolver(
        from_templates({"stack": {"Resources": {"R0": resource(1), "R1": resource(0), "R2": resource()}}})
    )
    assert [list(order) for order in orders(resolver, 1)] == [[Key("stack", "R2")]] * 2


def test_a_stack_waits_for_all_of_the_stack_that_it_imports_from():
    exporter = {
        "Resources": {"R0": resource(), "Other": resource()},
        "Outputs": {"One": {"Value": {"Ref": "R0"}, "Export": {"Name": "one"}}},
    }
    importer = {"Resources": {"R1": {**resource(), "Properties": {"KmsKeyId": {"Fn::ImportValue": "one"}}}}}
    resolver = Resolver(from_templates({"importer": importer, "exporter": exporter}))
    assert [order[-1] for order in orders(resolver, 1)] == [Key("importer", "R1")] * 2
