"""Single values: made of what TOML holds, or refused with a sentence."""
