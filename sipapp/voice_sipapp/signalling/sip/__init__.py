"""SIP user agents (RFC 3261): the one place that knows the stack beneath, sippy, and puts right what it gets wrong.

Who is outside sees `endpoint.Endpoint`, `leg.Leg`, the typed `events`, `register.Registrant` and the `eventloop`.
"""
