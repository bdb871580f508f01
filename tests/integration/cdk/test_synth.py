"""`make synth`: the same templates each time, without a warning; or a sentence that says why there are none."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.cdk.kept import synthesised
from tests.integration.cdk.synthesised import CHECKOUT, EXAMPLE, python, run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "cdk.out"
    done = run(EXAMPLE, folder)
    # No warning of what is deprecated, or of the wrong Node.
    told = f"{folder}: the 12 templates of voice; next, cdk/check-templates {folder}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", told)
    return folder


def test_templates_are_equal_byte_for_byte_each_time(example: Path):
    """In another folder, by another process, perhaps on another day."""
    again = synthesised({"again": EXAMPLE.read_text()})["again"]
    assert contents(again.folder) == contents(example)


def test_nothing_is_looked_up_in_an_account(example: Path):
    for manifest in example.rglob("manifest.json"):
        assert "missing" not in json.loads(manifest.read_text())


def test_nothing_has_to_be_built_or_fetched_to_deploy_it(example: Path):
    """The templates are all that there is: no Docker images, no code of functions."""
    for path in example.rglob("*.assets.json"):
        assets = json.loads(path.read_text())
        assert assets["dockerImages"] == {}
        sources = {each["source"]["path"] for each in assets["files"].values()}
        assert all(source.endswith(".template.json") for source in sources)


def test_every_stack_can_be_handed_to_cloudformation(example: Path):
    """By way of S3, which the CDK's command does, it takes a template of 1 MB with 500 resources."""
    for path in example.rglob("*.template.json"):
        assert path.stat().st_size < 1_000_000
        assert len(json.loads(path.read_text())["Resources"]) < 500


def test_a_wrong_configuration_ends_in_sentences_and_nothing_is_written(tmp_path: Path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(EXAMPLE.read_text().replace('"eu-west-1b"', '"eu-north-1b"').replace("backup_days", "backup_dais"))
    done = run(wrong, tmp_path / "cdk.out")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) >= 2
    assert all(line.startswith(f"{wrong}: ") for line in done.stderr.splitlines())
    assert not (tmp_path / "cdk.out").exists()


def test_what_no_synthesis_wrote_is_left_as_it_is(tmp_path: Path):
    """A folder is emptied before templates are written into it: that must be no other than theirs."""
    (tmp_path / "letter.txt").write_text("keep me")
    for place in (tmp_path, tmp_path / "letter.txt"):
        done = run(EXAMPLE, place)
        assert done.returncode == 1
        assert done.stderr.startswith(f"{place}: holds what no synthesis wrote; ")
    assert (tmp_path / "letter.txt").read_text() == "keep me"


def test_what_cannot_be_written_ends_in_a_sentence(tmp_path: Path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "cdk.out", Path("/proc/cdk.out")):  # below /proc, AWS CDK would wait for ever
        done = run(EXAMPLE, place)
        assert done.returncode == 1
        (sentence,) = done.stderr.splitlines()
        assert sentence.startswith(f"{place}: can't be written (")
        assert sentence.endswith("); name another folder")


def with_changes(code: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Synthesise the example after `code` changed something in the program."""
    begin = "import sys; sys.path.insert(0, 'cdk'); from voice_cdk.synthesis import main"
    command = [python(), "-c", f"{begin}\n{code}\nsys.exit(main(sys.argv[1:]))", EXAMPLE, output]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)


def test_what_validation_finds_ends_in_a_sentence_and_leaves_no_templates(tmp_path: Path):
    """One finding for each rule broken, with what it is about; a traceback helps nobody."""
    code = """
from voice_cdk.stacks import transit
transit._OPTIONS["Ipv6Support"] = "disable"
"""
    done = with_changes(code, tmp_path / "cdk.out")
    assert done.returncode == 1
    first, *findings = done.stderr.splitlines()
    assert first == "The templates are not fit to be deployed:"
    assert len(findings) == 4
    assert all("without it the attachment has no IPv6 address" in finding for finding in findings)
    assert not (tmp_path / "cdk.out").exists()


def test_what_aws_cdk_refuses_ends_in_a_sentence(tmp_path: Path):
    """A subnet number that a /56 hasn't got: AWS CDK says so while the stacks are made."""
    code = """
from voice_cdk.config import plan
plan.SUBNETS = 257
"""
    done = with_changes(code, tmp_path / "cdk.out")
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("The templates cannot be made: ")
