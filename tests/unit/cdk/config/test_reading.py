"""Files that are no TOML, or no files."""

import os
from pathlib import Path

import pytest

from tests.unit.cdk.config.files import config, written
from voice_cdk.config import ConfigError, load
from voice_cdk.config.reading import LARGEST, parse


def refused(path):
    with pytest.raises(ConfigError) as error:
        load(path)
    (fault,) = error.value.faults
    return fault


@pytest.mark.parametrize(
    ("content", "where", "said"),
    [
        (b"", "", "is empty"),
        (b"  \n\t\n", "", "is empty"),
        (b"\xef\xbb\xbfname = 1\n", "", "begins with a byte order mark"),
        ("name = 'voice'\n".encode("utf-16"), "", "UTF-16"),
        (b"name = 'voice'\n# caf\xe9\n", "line 2", "is not UTF-8"),
        (b"\x00" * 10, "line 1, column 1", "is not TOML"),
        (b"#" * (LARGEST + 1), "", "more than 256 KiB"),
        (b"a = " + b"[" * 100_000, "", "nests lists or tables too deeply"),
        (b"a = " + b"9" * 5000, "", "a number has thousands of digits"),
    ],
)
def test_a_content_that_is_no_toml(tmp_path, content, where, said):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    fault = refused(path)
    assert fault.where == where
    assert said in fault.what


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("region = eu-west-1\n", "line 1, column 10", "text stands between quotes"),
        ("region = 'eu-west-1'\nregion = 'eu-west-2'\n", "line 2, column 21", "this key stands twice"),
        ("\n\n[portal]\na = 1\n[portal]\n", "line 5, column 8", "this table stands twice"),
        ("region 'eu-west-1'\n", "line 1, column 8", "a line is `key = value`"),
        ("region: 'eu-west-1'\n", "line 1, column 7", "a line is `key = value`"),
        ("region = 'eu-west-1\n", "at its end", "a text lacks its closing quote"),
        ('region = "eu-west-1\n', "line 1, column 20", "text ends in the line in which it begins"),
        ('region = """eu-west-1\n', "at its end", "a text lacks its closing quote"),
        ("zones = ['a', 'b'\n", "at its end", 'the list lacks its "]"'),
        ("zones = ['a' 'b']\n", "line 1, column 14", 'the list lacks its "]"'),
        ("[portal\na = 1\n", "line 1, column 8", 'the name of a table stands between "[" and "]"'),
        (
            "[clients]\nacme = { vpc = '10.30.0.0/16',\n",
            "line 2, column 31",
            "a table between braces stands in one line",
        ),
        ("min_nodes = 2 nodes\n", "line 1, column 15", "only a comment behind its value"),
        ("min_nodes = True\n", "line 1, column 13", "true and false in small letters"),
        ('name = "a\\qb"\n', "line 1, column 12", "a backslash in a text is written twice"),
        ('name = "\\ud800"\n', "line 1, column 15", "write the character itself"),
        ("min_capacity = 0,5\n", "line 1, column 17", "fractions with a point"),
        ('{"name": "voice"}\n', "line 1, column 1", "a line is `key = value`"),
        ("<<<<<<< HEAD\nname = 'voice'\n", "line 1, column 1", "a line is `key = value`"),
        ("# voice\rname = 'voice'\r", "line 1, column 8", "lines end with a line feed"),
        ("portal = {domain = 'a'}\nportal.zone = 'b'\n", "line 2, column 18", "put this key into it"),
    ],
)
def test_a_fault_of_syntax_has_its_line_and_a_hint(text, where, said):
    with pytest.raises(ConfigError) as error:
        parse(text)
    (fault,) = error.value.faults
    assert (fault.where, said in fault.what, "\n" in fault.what) == (where, True, False), fault


def test_the_line_is_shown():
    with pytest.raises(ConfigError, match=r'^line 2, column 10: this is not TOML: .*The line is "region = eu-west-1"$'):
        parse("name = 'voice'\n  region = eu-west-1\n".replace("  region", "region"))


def test_there_is_no_such_file(tmp_path):
    assert refused(tmp_path / "none.toml").what.startswith("there is no such file")
    assert refused(tmp_path / "a\0b").what.startswith("this file cannot be read")
    assert refused(tmp_path / ("x" * 300)).what == "this file cannot be read: File name too long"


def test_the_largest_file(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(written() + "#" * (LARGEST - len(written())))
    assert load(path) == config()


def test_a_folder_is_no_file(tmp_path):
    assert refused(tmp_path).what.startswith("this is a folder")


def test_a_file_that_may_not_be_read(monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root, as whom tests may run, reads everything
    assert refused(Path("config.toml")).what.startswith("this file may not be read")


def test_a_pipe_is_read_if_anybody_writes_into_it():
    """As the shell's <(command) is."""
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb") as pipe:
        pipe.write(written().encode())
        pipe.close()
        assert load(Path(f"/dev/fd/{reading}")) == config()


def test_a_pipe_into_which_nobody_writes_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").what.startswith("this file is empty")


def test_what_never_ends_is_not_read_to_its_end():
    assert refused(Path("/dev/zero")).what.startswith("this has more than 256 KiB")
