"""The call detail records: schema, models and queries."""
