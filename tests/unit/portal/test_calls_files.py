"""Files of calls: what is in them, and that a spreadsheet runs none of it."""

import csv
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from arro3.io import read_parquet
from hypothesis import given
from hypothesis import strategies as st

from voice_portal.probes.calls import csvfile, exports, parquet, parquetwriter
from voice_portal.probes.calls.columns import Column, Kind, Row, Value, columns
from voice_portal.probes.calls.exports import Export, NoRoom, Places, TookTooLong

AT = datetime(2026, 11, 30, 12, 0, 0, 123000, tzinfo=UTC)


def row(number: int = 0, **changes: Value) -> Row:
    """A call that only its caller's side has a record of, as `columns.rows` gives it."""
    values = {
        "uuid": str(UUID(int=number)), "started_at": AT, "from_uri": "sip:a", "srtp": False, "mos": Decimal("4.100"),
        "loss_pct": Decimal("0.5"), "forward_speech_dbov": Decimal("-26.10"), "forward_remote_lost": -3,
        "forward_one_way": False, **changes,
    }  # fmt: skip
    return [values.get(column.name) for column in columns()]


def as_csv(batches: Sequence[Sequence[Row]]) -> list[dict[str, str]]:
    data = b"".join(csvfile.written(columns(), batches))
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def as_parquet(batches: Sequence[Sequence[Row]]) -> list[dict[str, Any]]:
    table = read_parquet(io.BytesIO(b"".join(parquet.written(columns(), batches)))).read_all()
    values = {name: table.column(name).to_pylist() for name in table.column_names}
    return [dict(zip(values, line, strict=True)) for line in zip(*values.values(), strict=True)]


def test_a_call_is_a_line_with_both_directions():
    (line,) = as_csv([[row(1, disposition="answered", srtp=True)]])
    assert line["uuid"] == str(UUID(int=1))
    assert line["started_at"] == "2026-11-30T12:00:00.123Z"
    assert (line["srtp"], line["forward_one_way"]) == ("1", "0")
    assert (line["mos"], line["loss_pct"]) == ("4.100", "0.5")
    assert (line["forward_speech_dbov"], line["forward_remote_lost"]) == ("-26.10", "-3")
    assert line["reverse_mos_cq"] == line["answered_at"] == ""
    assert "pk" not in line
    assert not {"forward_uuid", "reverse_client", "forward_started_at"} & line.keys()


def test_numbers_are_numbers_and_times_are_times_in_parquet():
    (line,) = as_parquet([[row(1, srtp=True, pdd_ms=900)]])
    assert line["started_at"] == AT
    assert (line["pdd_ms"], line["srtp"], line["mos"], line["forward_speech_dbov"]) == (900, True, 4.1, -26.1)
    assert line["reverse_mos_cq"] is None
    assert line["from_uri"] == "sip:a"


def test_a_file_without_calls_has_its_columns():
    names = [column.name for column in columns()]
    assert b"".join(csvfile.written(columns(), [[], []])).decode().split() == [",".join(names)]
    assert read_parquet(io.BytesIO(b"".join(parquet.written(columns(), [[]])))).read_all().column_names == names


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "=cmd|' /C calc'!A0"]
)
def test_no_cell_of_text_is_a_formula(formula: str):
    (line,) = as_csv([[row(sip_reason=formula, to_uri=formula)]])
    assert (line["sip_reason"], line["to_uri"]) == (f"'{formula}", f"'{formula}")


def test_text_that_only_looks_like_more_cells_stays_one():
    (line,) = as_csv([[row(sip_reason='a",=1+1,"\r\n=2', ua_remote="sip:+44@x")]])
    assert (line["sip_reason"], line["ua_remote"]) == ('a",=1+1,"\r\n=2', "sip:+44@x")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_and_begins_no_formula(text: str):
    column = Column("x", Kind.TEXT)
    data = b"".join(csvfile.written([column], [[[text]]])).decode()
    _, (found,) = csv.reader(io.StringIO(data, newline="")) if text else (None, ("",))
    assert found.removeprefix("'") == text.removeprefix("'")
    assert not found.startswith(csvfile.FORMULA)


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


class TestParquetWriter:
    NUMBERS = (Column("x", Kind.INTEGER),)

    def test_parts_come_while_batches_do(self):
        given_out = 0

        def batches() -> Iterator[list[Row]]:
            nonlocal given_out
            for _ in range(6):
                given_out += 1
                yield [[number] for number in range(parquetwriter.ROW_GROUP // 2)]

        parts = parquet.written(self.NUMBERS, batches())
        early = next(parts)
        assert early.startswith(b"PAR1")
        assert given_out < 6
        table = read_parquet(io.BytesIO(early + b"".join(parts))).read_all()
        assert table.num_rows == 3 * parquetwriter.ROW_GROUP

    def test_whoever_stops_reading_leaves_no_program(self):
        before = children()
        parts = parquet.written(self.NUMBERS, ([[1]] * parquetwriter.ROW_GROUP for _ in range(10**6)))
        next(parts)
        assert len(children() - before) == 1
        parts.close()
        assert children() == before

    def test_a_database_that_fails_ends_it(self):
        def batches() -> Iterator[list[Row]]:
            yield [[1]]
            raise OSError("the server is gone")

        before = children()
        with pytest.raises(OSError, match="the server is gone"):
            list(parquet.written(self.NUMBERS, batches()))
        assert children() == before

    def test_what_can_not_be_written_is_an_error_and_no_half_file(self):
        with pytest.raises(parquet.WritingFailed):
            list(parquet.written(self.NUMBERS, ([["no number"]] for _ in range(5))))

    def test_a_program_that_is_killed_is_an_error(self):
        def batches() -> Iterator[list[Row]]:
            yield [[1]]
            for child in children() - before:
                os.kill(int(child), signal.SIGKILL)
            yield from ([[1]] for _ in range(10))

        before = children()
        with pytest.raises(parquet.WritingFailed):
            list(parquet.written(self.NUMBERS, batches()))

    def test_one_that_says_nothing_is_given_up(self, monkeypatch: pytest.MonkeyPatch):
        before = children()
        monkeypatch.setattr(parquet, "PROGRAM", ("sleep", "60"))
        monkeypatch.setattr(parquet, "PATIENCE_SECONDS", 0.1)
        with pytest.raises(parquet.WritingFailed, match="said nothing"):
            list(parquet.written(self.NUMBERS, []))
        assert children() == before

    def test_it_is_told_no_secret_of_the_portals(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("VOICE_MYSQL_PASSWORD", "secret")
        asking = "import os, sys; sys.exit('secret' in os.environ.values())"
        monkeypatch.setattr(parquet, "PROGRAM", (sys.executable, "-c", asking))
        with pytest.raises(parquet.WritingFailed, match=r"before its time|is gone"):
            list(parquet.written(self.NUMBERS, []))

    def test_both_sides_speak_the_same(self):
        assert set(parquet.TYPES.values()) == set(parquetwriter.TYPES)
        assert parquet.LENGTH_BYTES == parquetwriter.LENGTH_BYTES


@pytest.mark.parametrize("text", ["", "=1", "a\0b", "😀", "\N{RIGHT-TO-LEFT OVERRIDE}x", '"\\n', "é" * 5000])
def test_text_is_as_it_is_in_parquet(text: str):
    table = read_parquet(io.BytesIO(b"".join(parquet.written([Column("x", Kind.TEXT)], [[[text]]])))).read_all()
    assert table.column("x").to_pylist() == [text]


class TestRoom:
    def test_one_a_client_and_two_in_all(self):
        places = Places(2)
        acme, _ = places.take("acme"), places.take("globex")
        for client in ("acme", "initech"):
            with pytest.raises(NoRoom):
                places.take(client)
        acme()
        acme()
        places.take("initech")
        with pytest.raises(NoRoom):
            places.take("acme")

    @pytest.mark.parametrize("end", ["read", "closed", "never begun", "failed"])
    def test_a_place_is_given_back_however_it_ends(self, end: str):
        given_back: list[bool] = []

        def parts() -> Any:
            yield b"a"
            if end == "failed":
                raise OSError("gone")
            yield b"b"

        export = Export(parts(), lambda: given_back.append(True), "calls.csv")
        if end == "read":
            assert list(export) == [b"a", b"b"]
        elif end == "failed":
            with pytest.raises(OSError, match="gone"):
                list(export)
        elif end == "closed":
            next(export)
        export.close()
        assert given_back

    def test_a_file_that_takes_too_long_is_cut_off(self):
        def slowly() -> Iterator[list[Row]]:
            while True:
                yield []

        started = time.monotonic()
        with pytest.raises(TookTooLong):
            list(exports.in_time(slowly(), 0.05))
        assert time.monotonic() - started < timedelta(seconds=30).total_seconds()
