"""The portal under millions of calls: gunicorn and nginx as the chart starts them, beside those of another checkout."""
