"""Addresses of recordings, below that of their call."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from voice_portal.recordings.views import recording


class DirectionConverter(StringConverter):
    """Whose sound: the dialer's, or the receiver's."""

    regex = "forward|reverse"


register_converter(DirectionConverter, "direction")

of_a_call = [path("recordings/<direction:direction>.wav", recording, name="recording")]
