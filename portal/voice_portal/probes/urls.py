"""Addresses of the pages."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from voice_portal.probes.callviews import call_now, call_page
from voice_portal.probes.staffviews import fleet, hosts
from voice_portal.probes.views import overview, probe_page, trends

app_name = "probes"


class KubernetesNameConverter(StringConverter):
    """A name as Kubernetes allows it: it may have dots."""

    regex = "[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?"


register_converter(KubernetesNameConverter, "kubernetes_name")

urlpatterns = [
    path("", overview, name="overview"),
    path("trends/", trends, name="trends"),
    path("probes/<kubernetes_name:probe>/", probe_page, name="probe"),
    path("probes/<kubernetes_name:probe>/call/", call_now, name="call-now"),
    path("probes/<kubernetes_name:probe>/calls/<uuid:uuid>/", call_page, name="call"),
    path("fleet/", fleet, name="fleet"),
    path("hosts/", hosts, name="hosts"),
]
