"""Judge synthesised CloudFormation templates: resolve them into one model, follow packets, name what would not work."""
