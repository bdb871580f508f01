"""What differs between the images."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """One image.

    Attributes:
        package: our own package in it.
        starts: arguments of Python that must end well in the finished image.
        settings: environment for these; nothing of it gets into the image.
        not_needed: patterns of files of other packages that are left out.
        generated: folders of other packages with modules by the hundred, of which only those stay that are imported.
    """

    package: str
    starts: tuple[tuple[str, ...], ...]
    settings: dict[str, str] = field(default_factory=dict)
    not_needed: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()


TARGETS = {
    "operator": Target(
        package="voiceprobe_operator",
        starts=(("-m", "voiceprobe_operator", "--help"),),
        # Models and calls of each kind that Kubernetes knows, twice: we use the client beneath them.
        generated=(
            "kubernetes/client/api",
            "kubernetes/client/models",
            "kubernetes/aio/client/api",
            "kubernetes/aio/client/models",
        ),
    ),
    "portal": Target(
        package="voice_portal",
        starts=(
            ("-m", "django", "check"),
            ("-m", "django", "migrate_once", "--help"),
            ("-m", "gunicorn", "--check-config", "voice_portal.config.wsgi"),
            # A program beside gunicorn, which imports what nothing else does.
            ("-c", "import voice_portal.probes.calls.parquetwriter"),
        ),
        settings={
            "DJANGO_SETTINGS_MODULE": "voice_portal.config.settings",
            "VOICE_MYSQL_HOST": "none",
            "VOICE_MYSQL_USER": "none",
            "VOICE_MYSQL_PASSWORD": "none",
            "VOICE_GRAFANA_URL": "http://none/grafana",
            "VOICE_PORTAL_URL": "http://none",
            "VOICE_GRAFANA_JWT_KEY_FILE": "none",
            "VOICE_PORTAL_SECRET_KEY": "only-for-checks-that-start-nothing-and-sign-nothing-at-all",
        },
        # Parts of Django that the portal has not installed, and translations: it speaks English (USE_I18N is off).
        not_needed=("django/contrib/gis", "django/contrib/admin", "django/contrib/admindocs", "django/**/*.[mp]o"),
    ),
}
