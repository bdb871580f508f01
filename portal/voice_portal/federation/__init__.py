"""Signing in with a provider of identity: AD FS, Entra ID or any other, by OpenID Connect or SAML 2.0."""
