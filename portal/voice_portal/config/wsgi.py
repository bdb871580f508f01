"""WSGI entry point: `gunicorn voice_portal.config.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voice_portal.config.settings")

application = get_wsgi_application()
