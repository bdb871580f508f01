"""Templates as Go's text/template was seen to treat them (missingkey=invalid); labels stay data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_lab.grafana_stand_in.alerting.templates import expand, printed

LABELS, VALUES = {"a": "x"}, {"A": 200.0}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{{ $labels.a }}", "x"),
        ("{{$labels.a}}", "x"),
        ("{{ $labels.b }}", "[no value]"),
        ("{{ $values.A.Value }}", "200"),
        ("{{ $values.B.Value }}", "[no value]"),
        ('{{ printf "%.2f" $values.A.Value }}', "200.00"),
        ('{{ printf "%.2f" $values.B.Value }}', "%!f(<nil>)"),
        ("{{ if eq $values.A.Value 200.0 }}y{{ else }}n{{ end }}", "y"),
        ("{{ if eq $values.B.Value 200.0 }}y{{ else }}n{{ end }}", "n"),
        ('{{ if eq $labels.a "x" }}y{{ end }}', "y"),
        ("{{if $labels.b}}y{{else if $labels.a}}z{{else}}n{{end}}", "z"),
        ("{{ if $labels.b }}{{ if $labels.a }}1{{ else }}2{{ end }}{{ else }}3{{ end }}", "3"),
        ("{{ if $labels.a }}{{ if $labels.b }}1{{ else }}2{{ end }}{{ else }}3{{ end }}4", "24"),
    ],
)
def test_what_is_understood(template: str, text: str) -> None:
    assert expand(template, LABELS, VALUES) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ nofunc 1 }}",
        "{{ if eq $values.A.Value 200 }}y{{ end }}",
        "{{ if eq $labels.a 1.0 }}{{end}}",
        "{{ $labels.a.b }}",
        "{{ $labels.a }}{{ end }}",
        "{{ if $labels.a }}",
        "{{ else }}",
        "{{}}",
        "{{ $labels.a",
        "{{ $x.a }}",
        "{{ $labels }}",
        "{{ $values.A }}",
        '{{ printf "%.2f" }}',
        '{{ printf "%d" $values.A.Value }}',
        '{{ printf "%.2f" $labels.a }}',
        '{{ printf "x" $labels.a }}',
        "{{ printf }}",
        "{{ $labels.a | html }}",
        "{{ (eq 1 1) }}",
    ],
)
def test_what_is_not_stays_as_it_is_written(template: str) -> None:
    assert expand(template, LABELS, VALUES) == template


@given(st.text())
def test_a_label_is_never_read_as_a_template(value: str) -> None:
    assert expand("<{{ $labels.a }}>", {"a": value}, {}) == f"<{value}>"


@given(st.text(st.sampled_from('{}$" -.abifelsnd\n')))
def test_any_text_ends_in_a_text(template: str) -> None:
    assert isinstance(expand(template, LABELS, VALUES), str)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (4.0, "4"),
        (3.25, "3.25"),
        (100000.0, "100000"),
        (1e6, "1e+06"),
        (123456789.0, "1.23456789e+08"),
        (12345678.5, "1.23456785e+07"),
        (0.0001, "0.0001"),
        (0.00009, "9e-05"),
        (-2e6, "-2e+06"),
        (1.5e300, "1.5e+300"),
        (0.0, "0"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_are_written_as_go_writes_them(number: float, text: str) -> None:
    assert printed(number) == text


@given(st.floats(allow_nan=False))
def test_no_digit_is_lost(number: float) -> None:
    assert float(printed(number).replace("Inf", "inf")) == number
