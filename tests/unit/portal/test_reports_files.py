"""A report as text, as CSV and as PDF, which another library reads back."""

import csv
import io
import json
import os
import stat
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_portal.probes.calls.csvfile import FORMULA
from voice_portal.reports import csvfile, figuretext, pdf
from voice_portal.reports.document import Document, IncidentRow, Mos, Row
from voice_portal.reports.figures import Band, Direction
from voice_portal.reports.fold import Incident
from voice_portal.reports.pdf import PdfFailed
from voice_portal.reports.period import Month
from voice_portal.reports.wording import Thresholds, reasons

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
LIMITS = Thresholds(mos=3.6, loss_pct=2, jitter_ms=40, pdd_ms=6000, late_media_ms=3000)


def row(probe="inbound", display_name="Inbound sales", **changes):
    values = {
        "is_deleted": False, "calls": 8640, "answered": 8639, "availability_pct": 99.98842, "coverage_pct": 100.0,
        "answer_rate_pct": 99.98842, "good_calls_pct": 99.5, "below": timedelta(minutes=185), "covered": 720 * HOUR,
        "existed": 720 * HOUR, "incidents": 1, "pdd_p95_ms": 1450,
        "mos": (Mos(Direction.FORWARD, Band.NARROW, 8639, 4.02, 4.31, 4.2715),),
    }  # fmt: skip
    return Row(probe=probe, display_name=display_name, **{**values, **changes})


def incident(**changes):
    begin = datetime(2026, 10, 12, 14, 3, tzinfo=BERLIN)
    values = {
        "probe": "inbound", "display_name": "Inbound sales", "begin": begin, "is_older": False, "end": begin + HOUR,
        "lasted": HOUR, "calls": 12, "mos": 2.149, "reasons": ("MOS down to 2.149, below 3.6.",),
    }  # fmt: skip
    return IncidentRow(**{**values, **changes})


def document(**changes):
    end = Month(2026, 10).end(BERLIN).astimezone(BERLIN)
    values = {
        "client": "acme", "display_name": "Acme Versicherung", "time_zone": "Europe/Berlin", "month": Month(2026, 10),
        "start": Month(2026, 10).start(BERLIN).astimezone(BERLIN), "end": end, "until": end,
        "made_at": end + HOUR + timedelta(microseconds=1),
        "rows": (row(),), "total": row("", "All probes"), "incidents": (incident(),),
    }  # fmt: skip
    return Document(**{**values, **changes})


def read(made):
    return list(csv.DictReader(io.StringIO(made.decode())))


@pytest.fixture(scope="module")
def text():
    """A function that gives the text of a report's PDF."""

    def text(document):
        pages = pypdf.PdfReader(io.BytesIO(pdf.pdf(document))).pages
        return " ".join(" ".join(page.extract_text() for page in pages).split())

    return text


@pytest.mark.parametrize(
    ("percent", "words"),
    [
        (100, "100.00 %"),
        (99.99999, "99.99 %"),
        (99.994, "99.99 %"),
        (0.009, "0.00 %"),
        (33.33333, "33.33 %"),
        (None, "–"),
    ],
)
def test_a_share_is_rounded_down(percent, words):
    assert figuretext.share(percent) == words


def test_a_share_that_is_round_is_not_rounded_down_further():
    assert [figuretext.share(100 * n / 10_000) for n in range(10_001)] == [f"{n / 100:.2f} %" for n in range(10_001)]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (None, "–"),
        (timedelta(0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=59, seconds=40), "1 h 00 min"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=26, minutes=5), "26 h 05 min"),
        (timedelta(hours=1234), "1,234 h 00 min"),
    ],
)
def test_a_span_is_told_in_hours_and_minutes(span, words):
    assert figuretext.span(span) == words


def test_an_incidents_reasons_are_what_its_calls_crossed():
    found = Incident(0, calls=9, unheard=2, mos=3599, loss=2000, jitter=41_000, pdd_ms=6000, late_media_ms=3001)
    found.outcomes.update({"busy 486": 1, "failed 503": 3, "configuration_error": 1})
    assert reasons(found, LIMITS) == [
        "Not answered: 3 calls, Failed (503).",
        "Not answered: 1 call, Busy (486).",
        "Not answered: 1 call, Configuration error.",
        "No sound or no speech in a direction: 2 calls.",
        "MOS down to 3.599, below 3.6.",
        "Jitter up to 41 ms, above 40 ms.",
        "Late media up to 3001 ms, above 3000 ms.",
    ]


def test_the_csv_has_a_line_for_each_probe_and_one_for_all():
    first, last = read(csvfile.probes(document()))
    assert (first["row"], first["probe"], first["display_name"]) == ("probe", "inbound", "Inbound sales")
    assert (last["row"], last["probe"]) == ("total", "")
    assert (first["month"], first["time_zone"], first["until"]) == ("2026-10", "Europe/Berlin", "2026-10-31T23:00:00Z")
    assert (first["availability_pct"], first["below_threshold_s"], first["calls"]) == ("99.9884", "11100", "8640")
    assert (first["mos_forward_narrowband_p5"], first["mos_forward_narrowband_mean"]) == ("4.02", "4.271")
    assert first["mos_forward_wideband_p5"] == first["mos_reverse_narrowband_calls"] == ""


def test_what_is_not_known_is_empty_in_the_csv():
    gone = row(is_deleted=True, good_calls_pct=None, below=None, pdd_p95_ms=None)
    first, _ = read(csvfile.probes(document(rows=(gone,))))
    assert first["deleted"] == "1"
    assert first["good_calls_pct"] == first["below_threshold_s"] == first["pdd_p95_ms"] == ""


def test_the_csv_of_incidents_has_their_begin_and_end():
    going_on = incident(end=None, is_older=True, mos=None)
    first, second = read(csvfile.incidents(document(incidents=(incident(), going_on))))
    assert (first["begin"], first["end"]) == ("2026-10-12T12:03:00Z", "2026-10-12T13:03:00Z")
    assert first["duration_s"] == "3600"
    assert (second["end"], second["mos_worst"], second["began_before_month"]) == ("", "", "1")


@given(st.sampled_from(["=", "+", "-", "@", "\t", "\r", "＝"]), st.text())
def test_no_cell_of_the_csv_is_a_formula(sign, rest):
    made = document(rows=(row(display_name=sign + rest),), incidents=(incident(display_name=sign + rest),))
    for file in (csvfile.probes(made), csvfile.incidents(made)):
        for line in csv.reader(io.StringIO(file.decode(), newline="")):
            assert not any(cell.startswith(FORMULA) for cell in line)


def test_the_pdf_says_whose_it_is_and_has_every_figure(text):
    found = text(document())
    for words in (
        "Service report October 2026", "Acme Versicherung", "(acme)", "Europe/Berlin", "2026-11-01 01:00",
        "Inbound sales", "99.98 %", "3 h 05 min", "8,640", "4.02 · 4.31 · 4.27", "1,450 ms", "12 Oct 14:03",
        "12 Oct 15:03", "MOS down to 2.149, below 3.6.", "Answered calls, of all that count.", "Page 1 of",
    ):  # fmt: skip
        assert words in found, words


def test_the_pdf_can_be_read_aloud():
    """Tagged as PDF/UA wants it: a title, a language, and tables whose head is known as such."""
    root = pypdf.PdfReader(io.BytesIO(pdf.pdf(document()))).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"].startswith("en")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    kinds = set()

    def walk(node):
        node = node.get_object()
        if isinstance(node, list):
            for one in node:
                walk(one)
        elif isinstance(node, dict):
            kinds.add(node.get("/S"))
            if "/K" in node:
                walk(node["/K"])

    walk(root["/StructTreeRoot"]["/K"])
    assert {"/H1", "/H2", "/Table", "/TH", "/TD"} <= kinds


def test_the_same_report_is_the_same_file():
    assert pdf.pdf(document()) == pdf.pdf(document())


@pytest.mark.parametrize(
    "name", ["Zażółć gęślą jaźń", "Ελληνικά Ω", "Контакт-центр", "Überführung ß", "İstanbul", "Đà Nẵng"]
)
def test_the_pdf_has_names_of_many_languages(text, name):
    assert name in text(document(display_name=name, rows=(row(display_name=f"{name} 2"),)))


@pytest.mark.parametrize(
    "name",
    [
        '#read("/etc/passwd")', '#panic("x")', "*bold* _it_ $x^2$ `raw`", "#let x = 1", "= Heading", "\\u{41}",
        "<label>", "@reference", "// a comment", '"]; #sys.inputs', '#include "report.typ"', "https://example.net",
        "~ -- --- ...",
    ],
)  # fmt: skip
def test_a_name_is_never_markup(text, name):
    found = text(document(display_name=name, rows=(row(display_name=name),), incidents=(incident(reasons=(name,)),)))
    assert found.count(name) >= 4


def test_a_character_that_no_font_has_does_not_keep_the_pdf_from_anybody(text):
    made = pypdf.PdfReader(io.BytesIO(pdf.pdf(document(display_name="Fünf 五 🎧 \x1f"))))
    assert "Fünf" in made.pages[0].extract_text()
    assert made.trailer["/Root"]["/MarkInfo"]["/Marked"]


@settings(max_examples=15)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=120), st.text(max_size=63))
def test_whatever_a_name_is_there_is_a_pdf(display_name, probe):
    made = document(display_name=display_name, rows=(row(probe, display_name),))
    assert pypdf.PdfReader(io.BytesIO(pdf.pdf(made))).pages


def test_the_pdf_leaves_out_what_would_take_too_much_memory_and_says_so(text):
    rows = tuple(row(f"p-{n}", f"Probe {n}", availability_pct=99 - n / 1000) for n in range(320))
    incidents = tuple(incident(lasted=HOUR * n) for n in range(205))
    total = row("", "All probes", incidents=205)
    found = text(document(rows=rows, incidents=incidents, total=total))
    assert "20 more are in the CSV file" in found
    assert "5 shorter ones are left out here" in found
    assert "Probe 319 " in found
    assert "Probe 0 " not in found


def test_the_typesetter_is_told_nothing_of_this_process(monkeypatch, tmp_path):
    """No password of the environment, and no module of the folder that somebody works in."""
    asked = {}
    real = subprocess.run

    def run(command, **options):
        asked.update(options)
        return real(command, **options)

    (tmp_path / "typst.py").write_text("raise SystemExit('of the wrong folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    assert pdf.pdf(document()).startswith(b"%PDF-")
    assert asked["env"] == {}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/none"], "did not start"),
        (["/bin/sh", "-c", "echo oh no >&2; exit 3"], "ended with 3: oh no"),
        (["/bin/sh", "-c", "echo not a PDF"], "ended with 0"),
        (["/bin/sleep", "9"], "longer than"),
    ],
)
def test_a_typesetter_that_fails_says_why(monkeypatch, command, why):
    monkeypatch.setattr(pdf, "COMMAND", command)
    monkeypatch.setattr(pdf, "SECONDS", 0.5)
    with pytest.raises(PdfFailed, match=why):
        pdf.pdf(document())


def test_one_pdf_is_made_at_a_time_and_a_link_in_place_of_the_lock_is_not_followed(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(pdf, "SECONDS", 0.1)
    with pdf._one_at_a_time():
        (lock,) = tmp_path.iterdir()
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        with pytest.raises(PdfFailed, match="others"), pdf._one_at_a_time():
            pass
    with pdf._one_at_a_time():
        pass
    lock.unlink()
    (tmp_path / "elsewhere").touch()
    os.symlink(tmp_path / "elsewhere", lock)
    with pytest.raises(PdfFailed, match="cannot be opened"), pdf._one_at_a_time():
        pass


def test_the_template_gets_texts_and_nothing_else():
    def plain(value):
        if isinstance(value, dict):
            return all(plain(one) for one in value.values())
        if isinstance(value, list):
            return all(plain(one) for one in value)
        return isinstance(value, str | int | float)

    assert plain(json.loads(json.dumps(pdf.content(replace(document(), incidents=(incident(mos=None, end=None),))))))
