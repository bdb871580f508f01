"""Change templates in every small way that could break a platform: one module for each sort of change."""
