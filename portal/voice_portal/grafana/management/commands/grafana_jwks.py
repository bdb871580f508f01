"""`manage.py grafana_jwks`: the key set for Grafana's `[auth.jwt] jwk_set_file`."""

import json

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from voice_portal.grafana import tokens


class Command(BaseCommand):
    """Prints the public half of the portal's signing key."""

    help = "Print the JSON Web Key Set by which Grafana verifies the portal's tokens, from VOICE_GRAFANA_JWT_KEY_FILE."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError if the key cannot be read."""
        try:
            key = tokens.load_key(settings.ENV.grafana_jwt_key_file)
        except (OSError, ValueError) as error:
            raise CommandError(f"The signing key cannot be read: {error}") from error
        self.stdout.write(json.dumps(tokens.key_set(key), indent=2))
