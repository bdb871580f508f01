"""Addresses of the reports, below a client's."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from voice_portal.reports.period import PATTERN, Month
from voice_portal.reports.views import incidents_csv, month_page, month_pdf, months_page, probes_csv


class MonthConverter(StringConverter):
    """A month, as in `2026-10`."""

    regex = PATTERN

    def to_python(self, value: str) -> Month:  # type: ignore[override] # the stubs take it for text alone
        """The month."""
        return Month.parse(value)

    def to_url(self, value: Month | str) -> str:
        """Its text."""
        return str(value)


register_converter(MonthConverter, "month")

of_reports = [
    path("reports/", months_page, name="reports"),
    path("reports/<month:month>/", month_page, name="report"),
    path("reports/<month:month>.csv", probes_csv, name="report-csv"),
    path("reports/<month:month>-incidents.csv", incidents_csv, name="report-incidents-csv"),
    path("reports/<month:month>.pdf", month_pdf, name="report-pdf"),
]
