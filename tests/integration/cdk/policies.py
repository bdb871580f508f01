"""What roles may do, as templates say it."""

from tests.integration.cdk.synthesised import Assembly, Resource


def statements(platform: Assembly, *stacks: str) -> list[Resource]:
    """All statements of the policies of some stacks."""
    policies = platform.of_type("IAM::Policy", *stacks).values()
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def actions(statement: Resource) -> list[str]:
    """What a statement allows."""
    named = statement["Action"]
    return [named] if isinstance(named, str) else named


def resources(statement: Resource) -> list[object]:
    """What it allows that to be done with."""
    named = statement["Resource"]
    return named if isinstance(named, list) else [named]
