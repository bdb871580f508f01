"""Addresses of the pages. `/c/<client>/` is what belongs to one client, which ClientMiddleware finds by that name."""

from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.urls.converters import StringConverter

from voice_portal.grafana.views import dashboard
from voice_portal.probes import formeraddresses
from voice_portal.probes.calls.urls import of_calls
from voice_portal.probes.callviews import call_now, call_of_probe, call_page
from voice_portal.probes.clientviews import clients, start
from voice_portal.probes.overviewviews import overview, wall
from voice_portal.probes.staffviews import fleet, hosts
from voice_portal.probes.views import probe_page, trends
from voice_portal.recordings.urls import of_a_call
from voice_portal.reports.urls import of_reports

app_name = "probes"


class NamespaceConverter(StringConverter):
    """A client's name: that of its namespace (RFC 1123, a label)."""

    regex = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


class KubernetesNameConverter(StringConverter):
    """A name as Kubernetes allows it: it may have dots."""

    regex = "[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?"


class DashboardConverter(StringConverter):
    """The uid of one of a client's dashboards in Grafana."""

    regex = "voice-overview|vp-[0-9a-f]{32}"


register_converter(NamespaceConverter, "namespace")
register_converter(KubernetesNameConverter, "kubernetes_name")
register_converter(DashboardConverter, "dashboard")

of_a_client: list[URLPattern | URLResolver] = [
    path("", overview, name="overview"),
    path("wall/", wall, name="wall"),
    path("trends/", trends, name="trends"),
    path("dashboards/<dashboard:uid>/", dashboard, name="dashboard"),
    path("probes/<kubernetes_name:probe>/", probe_page, name="probe"),
    path("probes/<kubernetes_name:probe>/call/", call_now, name="call-now"),
    path("probes/<kubernetes_name:probe>/calls/<uuid:uuid>/", call_of_probe, name="call"),
    *of_calls,
    path("calls/<uuid:uuid>/", call_page, name="call"),
    path("calls/<uuid:uuid>/", include(of_a_call)),
    *of_reports,
]

urlpatterns = [
    path("", start, name="start"),
    path("c/", clients, name="clients"),
    path("c/<namespace:client>/", include(of_a_client)),
    path("fleet/", fleet, name="fleet"),
    path("hosts/", hosts, name="hosts"),
    # Until a page's address named its client. In old mails and bookmarks.
    path("trends/", formeraddresses.trends),
    path("probes/<kubernetes_name:probe>/", formeraddresses.probe),
    path("probes/<kubernetes_name:probe>/calls/<uuid:uuid>/", formeraddresses.call),
]
