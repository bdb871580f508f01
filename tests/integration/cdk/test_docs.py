"""docs/aws.md says what the templates say: diagram and tables are written by `make aws-docs`."""

import subprocess

from tests.integration.cdk.synthesised import CHECKOUT, python


def test_nothing_of_the_page_is_out_of_date():
    command = [python(), "-m", "voice_cdk.documenting", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT / "cdk")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
