"""Addresses of the pages that find calls, below a client's."""

from django.urls import path

from voice_portal.probes.calls.views import calls, export

of_calls = [
    path("calls/", calls, name="calls"),
    path("calls.csv", export, {"kind": "csv"}, name="calls-csv"),
    path("calls.parquet", export, {"kind": "parquet"}, name="calls-parquet"),
]
