"""The diagram: every box of the model, none over another, whatever things are called."""

import json
from xml.etree import ElementTree

import pytest

from tests.unit.cdk.judge.reference import platform
from voice_cdk.documenting import diagram, layout
from voice_cdk.documenting.wording import short
from voice_cdk.judge.picture import Picture, picture
from voice_cdk.judge.templates import from_templates

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn() -> Picture:
    return picture(from_templates(platform().templates()))


def words(image: str) -> list[str]:
    root = ElementTree.fromstring(image)  # noqa: S314 - our own
    return [str(text.text) for text in root.iter(f"{SVG}text")]


def test_everything_in_the_model_is_in_the_image(drawn: Picture):
    told = words(diagram.draw(drawn))
    for vpc in drawn.vpcs:
        assert any(vpc.name in word for word in told)
        for subnet in vpc.subnets:
            assert subnet.name.removeprefix(f"{vpc.name}/") in told
            assert {member.role for member in subnet.members if not member.spare} <= set(told)


def test_who_cannot_see_it_is_told_what_it_is(drawn: Picture):
    root = ElementTree.fromstring(diagram.draw(drawn))  # noqa: S314 - our own
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "The platform in AWS"
    assert "IPv6 alone" in str(root.findtext(f"{SVG}desc"))


def test_no_box_stands_over_another_one_or_outside_of_its_vpc(drawn: Picture):
    for vpc in drawn.vpcs:
        block = layout.block(vpc)
        for cell in block.cells:
            assert 0 < cell.x < cell.x + cell.width < block.width
            assert layout.HEAD <= cell.y < cell.y + cell.height < block.height
            others = [other for other in block.cells if other is not cell]
            assert not [other for other in others if overlap(cell, other)]


def overlap(one: layout.Cell, other: layout.Cell) -> bool:
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return across and one.y < other.y + other.height and other.y < one.y + one.height


def test_nothing_reaches_beyond_the_image(drawn: Picture):
    root = ElementTree.fromstring(diagram.draw(drawn))  # noqa: S314 - our own
    width, height = (float(root.get(side, "0")) for side in ("width", "height"))
    for box in root.iter(f"{SVG}rect"):
        x, y, across, down = (float(box.get(name, "0")) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + across <= width
        assert y + down <= height


def test_names_may_hold_what_means_something_in_an_image():
    text = json.dumps(platform().templates())
    templates = json.loads(text)
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::EC2::VPC":
                resource["Properties"]["Tags"] = [{"Key": "Name", "Value": '<a> & "b"'}]
    assert any('<a> & "b"' in word for word in words(diagram.draw(picture(from_templates(templates)))))


@pytest.mark.parametrize(
    ("target", "here", "told"),
    [
        ("NAT gateway in eu-west-1a", "eu-west-1b", "NAT gateway, zone a"),
        ("NAT gateway in eu-west-1a", "eu-west-1a", "NAT gateway"),
        ("egress-only internet gateway", "", "egress-only gateway"),
        ("transit gateway", "eu-west-1a", "transit gateway"),
    ],
)
def test_a_target_names_its_zone_only_where_it_is_another(target: str, here: str, told: str):
    assert short(target, here) == told
