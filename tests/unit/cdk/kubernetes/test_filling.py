"""`cdk/fill-manifests`: what AWS alone knows comes into what was written for the cluster, all of it or nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voice_cdk.kubernetes.filling import FillError, fill, main

COMMAND = Path(__file__).resolve().parents[4] / "cdk" / "fill-manifests"
OUTPUTS = {"voice-Data": {"Host": "voice.cluster.example.net"}, "voice-Portal": {"Targets": "arn:aws:targets"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `make synth` writes it, and the file of outputs beside it."""
    (tmp_path / "outputs.json").write_text(json.dumps(OUTPUTS))
    source = tmp_path / "kubernetes"
    source.mkdir()
    (source / "1.yaml").write_text("host: ${voice-Data.Host}\nagain: ${voice-Data.Host}\n")
    (source / "2.yaml").write_text("arn: ${voice-Portal.Targets}\n")
    return tmp_path


def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main([str(folder / name) for name in ("outputs.json", "kubernetes", "filled")])
    return code, capsys.readouterr().err.splitlines()


def test_every_placeholder_is_replaced():
    assert fill("a ${voice-Data.Host} b ${voice-Data.Host}", OUTPUTS) == "a voice.cluster.example.net b " + (
        "voice.cluster.example.net"
    )


def test_what_is_no_placeholder_stays_as_it_is():
    text = "$HOME ${HOME} $(voice-Data.Host) {{ .Values.host }} 100 %"
    assert fill(text, OUTPUTS) == text


def test_what_an_output_says_is_not_filled_in_again():
    assert fill("${a.b}", {"a": {"b": "${a.b}"}}) == "${a.b}"


def test_all_outputs_that_are_missing_are_named():
    with pytest.raises(FillError) as refused:
        fill("${voice-Data.Port} ${voice-Network.Vpc} ${voice-Data.Port} ${voice-Data.Host}", OUTPUTS)
    assert [each.partition(";")[0] for each in refused.value.sentences] == [
        "there is no output voice-Data.Port",
        "there is no output voice-Network.Vpc",
    ]


def test_a_folder_is_filled_in(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, capsys) == (0, [])
    assert (folder / "filled" / "2.yaml").read_text() == "arn: arn:aws:targets\n"
    assert (folder / "kubernetes" / "2.yaml").read_text() == "arn: ${voice-Portal.Targets}\n"


def test_nothing_is_written_if_anything_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "outputs.json").write_text(json.dumps({"voice-Data": OUTPUTS["voice-Data"]}))
    code, (sentence,) = run(folder, capsys)
    assert code == 2
    assert sentence.startswith("2.yaml: there is no output voice-Portal.Targets; deploy the whole platform")
    assert not (folder / "filled").exists()


CONTENTS = ["", "no JSON", "[]", "7", '{"voice-Data": 7}', '{"voice-Data": {"Host": 7}}']


@pytest.mark.parametrize("content", [*CONTENTS, pytest.param("[" * 100_000, id="nested too deeply")])
def test_a_file_without_outputs(folder: Path, capsys: pytest.CaptureFixture[str], content: str):
    (folder / "outputs.json").write_text(content)
    code, (sentence,) = run(folder, capsys)
    assert code == 2
    assert "this holds no outputs of stacks; name what" in sentence


def test_a_file_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "outputs.json").unlink()
    code, (sentence,) = run(folder, capsys)
    assert code == 2
    assert "cannot be read (No such file or directory); name what" in sentence


def test_a_file_that_is_no_text(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "outputs.json").write_bytes(b"\xff\xfe{")
    assert run(folder, capsys)[0] == 2


def test_a_folder_that_cannot_be_made(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "filled").write_text("a file")
    code, (sentence,) = run(folder, capsys)
    assert code == 2
    assert sentence.endswith("this cannot be written (File exists); name another folder")


def test_a_file_of_the_folder_that_is_no_text(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "kubernetes" / "1.yaml").write_bytes(b"\xff")
    (folder / "kubernetes" / "2.yaml").unlink()
    (folder / "kubernetes" / "2.yaml").mkdir()
    code, sentences = run(folder, capsys)
    assert code == 2
    assert [each.partition("; ")[0].partition("kubernetes/")[2] for each in sentences] == [
        "1.yaml: this is not UTF-8",
        "2.yaml: this cannot be read (Is a directory)",
    ]
    assert not (folder / "filled").exists()


def test_what_is_to_be_filled_in_stays(folder: Path, capsys: pytest.CaptureFixture[str]):
    """Else the next outputs would find nothing to fill in."""
    code = main([str(folder / name) for name in ("outputs.json", "kubernetes", "kubernetes/../kubernetes")])
    assert code == 2
    assert "the filled files would take the place of these; name another folder" in capsys.readouterr().err
    assert "${voice-Data.Host}" in (folder / "kubernetes" / "1.yaml").read_text()


def test_a_folder_with_nothing_in_it(folder: Path, capsys: pytest.CaptureFixture[str]):
    for path in (folder / "kubernetes").iterdir():
        path.unlink()
    code, (sentence,) = run(folder, capsys)
    assert code == 2
    assert sentence.endswith("there is nothing to fill in; name the folder kubernetes beside the templates")


def test_the_command_needs_python_alone(folder: Path):
    paths = [folder / name for name in ("outputs.json", "kubernetes", "filled")]
    done = subprocess.run([sys.executable, "-S", COMMAND, *paths], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
