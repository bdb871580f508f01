"""The kopf operator that turns VoiceProbes into a call plan, Grafana objects and statuses."""
