"""Other people's tools, held against the stacks' templates beside the judge: each sees what the others don't.

They need environments of their own (`scripts/environment proving`, `scripts/environment checkov`), and no network.
"""
