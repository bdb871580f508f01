"""WSGI entry point: `gunicorn voice_portal.config.wsgi`."""

import os

from django.conf import settings
from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application

from voice_portal.config import keys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voice_portal.config.settings")

application = get_wsgi_application()
_watch = keys.Watch(settings.ENV.secret_key)
request_started.connect(_watch.look)
