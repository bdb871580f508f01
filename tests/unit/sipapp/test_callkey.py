"""The header and the code that prove whose call it is, and the key that they are made with."""

import uuid as uuid_module
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.records import callkey, calluuid
from voice_sipapp.records.callkey import CallKey, CallKeyError

KEY = CallKey(b"the key of all SIP hosts of this provider")
OTHER = replace(KEY, secret=b"the key of somebody else")
UUID = uuid_module.UUID("019ca6b1-dc00-7cb8-bbe6-c00db870c561")
RANDOM = "61d9d33203dc22a024d1215157539161bbf6e60e343ee40e5773e39f08a2af23"
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(NAMES, NAMES)
def test_a_header_proves_its_call_client_and_probe(client: str, probe: str):
    claim = KEY.claim(KEY.header(UUID, client, probe))
    assert claim is not None
    assert claim.uuid == UUID
    assert KEY.proves(claim, client, probe)


@given(NAMES, NAMES, NAMES, NAMES)
def test_it_proves_nothing_of_another_client_or_probe(client: str, probe: str, other: str, another: str):
    claim = KEY.claim(KEY.header(UUID, client, probe))
    assert claim is not None
    assert KEY.proves(claim, other, another) is ((client, probe) == (other, another))


def test_names_that_run_together_to_the_same_text_are_told_apart():
    claim = KEY.claim(KEY.header(UUID, "ab", "c"))
    assert claim is not None
    assert not KEY.proves(claim, "a", "bc")


@given(st.data())
def test_a_header_in_which_anything_is_changed_is_none(data: st.DataObject):
    good = KEY.header(UUID, "acme", "sales")
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.sampled_from("0123456789abcdef-. Zz\n")) + good[at + 1 :]
    claim = KEY.claim(changed)
    assert changed == good or claim is None or not KEY.proves(claim, "acme", "sales")


@pytest.mark.parametrize("header", [None, "", str(UUID), f"{UUID}.", f"{UUID}.{'0' * 32}", "\N{BLACK TELEPHONE}"])
def test_what_is_no_header_claims_nothing(header: str | None):
    assert KEY.claim(header) is None


def test_a_header_made_with_another_key_or_for_no_call_claims_nothing():
    assert KEY.claim(OTHER.header(UUID, "acme", "sales")) is None
    assert KEY.claim(KEY.header(uuid4(), "acme", "sales")) is None, "not of version 7: no time is in it"


def test_the_code_is_four_digits_that_only_the_key_tells():
    uuids = [calluuid.new(datetime.now(UTC)) for _ in range(500)]
    codes = [KEY.code(uuid, "acme", "sales") for uuid in uuids]
    assert all(len(code) == 4 and code.isdecimal() for code in codes)
    assert len(set(codes)) > 400
    for others in ([OTHER.code(uuid, "acme", "sales") for uuid in uuids],
                   [KEY.code(uuid, "globex", "sales") for uuid in uuids],
                   [f"{uuid.int % 10**4:04d}" for uuid in uuids]):  # fmt: skip
        assert sum(one == other for one, other in zip(codes, others, strict=True)) < 10


def test_the_key_is_not_part_of_a_representation():
    assert "the key" not in repr(KEY)


def test_a_key_of_this_process_alone_is_another_one_each_time():
    assert callkey.load(None) != callkey.load(None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "call.key"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize("text", [RANDOM + "\n", "Zq3+/kR7mN1xW9vB2cD4fG5hJ6kL8pQ0sT2uV4wY6zA="])
def test_a_key_is_read_from_a_file_and_is_the_same_on_each_host(file: Path, text: str):
    file.write_text(text)
    assert callkey.load(file) == callkey.load(file) == CallKey(text.strip().encode())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "has no key"), (b"short", "has no key"), (b"secret words with spaces " * 4, "has no key"),
        (b"x" * 600, "has no key"), (b"abcabc" * 20, "is not random"), (b"\xff" * 64, "is no text"),
        (RANDOM.encode() + b"\n" + RANDOM.encode(), "has no key"),
    ],
)  # fmt: skip
def test_a_file_without_a_usable_key_is_refused_in_words_that_tell_how_to_make_one(
    file: Path, content: bytes, told: str
):
    file.write_bytes(content)
    with pytest.raises(CallKeyError, match=told) as raised:
        callkey.load(file)
    assert f"openssl rand -hex 32 >{file}" in str(raised.value)
    assert "secret words" not in str(raised.value)


def test_a_file_that_others_can_read_or_that_is_not_there_is_refused(file: Path):
    file.write_text(RANDOM)
    file.chmod(0o640)
    with pytest.raises(CallKeyError, match=r"can be read by others \(mode 0640\): chmod 0600"):
        callkey.load(file)
    with pytest.raises(CallKeyError, match="can't be read: No such file"):
        callkey.load(file.with_name("missing"))
    with pytest.raises(CallKeyError, match=r"is no file|Is a directory"):
        callkey.load(file.parent)
