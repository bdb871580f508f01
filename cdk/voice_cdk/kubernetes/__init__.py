"""What the platform has in its cluster beside the chart: objects, and values for charts, beside the templates.

Whoever imports what needs cdk8s imports `voice_cdk.node` before.
"""
