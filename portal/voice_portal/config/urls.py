"""Every address of the portal. `/healthz` is answered by HealthMiddleware; `/grafana/` by nginx."""

from django.urls import include, path

from voice_portal.grafana.views import authorise, sign_in

handler500 = "voice_portal.config.errors.server_error"

urlpatterns = [
    path("", include("voice_portal.federation.urls")),
    path("auth/grafana", authorise, name="grafana-authorise"),
    path("auth/sign-in", sign_in, name="grafana-sign-in"),
    path("", include("voice_portal.probes.urls")),
]
