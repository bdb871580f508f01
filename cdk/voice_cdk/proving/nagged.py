"""`python -m voice_cdk.proving.nagged FOLDER`, in the environment of AWS CDK: cdk-nag over finished templates.

One line of JSON a finding: the template's name, the rule, the logical id, the sentence. A template that AWS CDK can't
read, for it refers to what isn't there, is left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import voice_cdk.node  # noqa: F401 - before AWS CDK is imported

# isort: split

import aws_cdk as cdk
from aws_cdk.cloudformation_include import CfnInclude
from cdk_nag import AwsSolutionsChecks

from voice_cdk.proving.files import number_of
from voice_cdk.stacks.app import QUIET
from voice_cdk.synthesis import Violation, violations


def main(folder: Path) -> None:
    """Print what cdk-nag says of every template of a folder."""
    for path in sorted(folder.glob("*.template.json")):
        for one in _violations(path):
            logical_id = one.construct.rpartition("/")[2]
            line = [number_of(path), one.rule, logical_id, one.description]
            sys.stdout.write(json.dumps(line) + "\n")


def _violations(template: Path) -> Iterator[Violation]:
    """Each in an app of its own: one that AWS CDK can't read must not take the others along."""
    with TemporaryDirectory() as output:
        app = cdk.App(outdir=output, context=QUIET, analytics_reporting=False, tree_metadata=False)
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        written = cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False)  # the template has that rule
        with suppress(RuntimeError):
            CfnInclude(cdk.Stack(app, "Stack", synthesizer=written), "Template", template_file=str(template))
            app.synth()
        yield from (one for one in violations(Path(output)) if one.rule.startswith("AwsSolutions"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
