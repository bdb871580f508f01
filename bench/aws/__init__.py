"""How good the judge of templates is, and what it costs, beside other people's tools: `make bench-aws`."""
