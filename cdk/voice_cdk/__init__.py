"""The platform in AWS: its configuration, its stacks, and the judge of what they synthesise."""
