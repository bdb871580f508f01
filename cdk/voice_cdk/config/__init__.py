"""What a provider decides about its platform: read from TOML, judged before anything is synthesised."""

from voice_cdk.config.faults import ConfigError
from voice_cdk.config.loading import load

__all__ = ["ConfigError", "load"]
