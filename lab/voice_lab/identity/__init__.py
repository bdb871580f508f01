"""The provider's people: an Active Directory domain, and Keycloak before it, as the portal meets them at sign-in."""
