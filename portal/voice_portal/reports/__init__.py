"""What a client is owed a month: availability, quality and incidents of each probe, as a page, CSV, PDF and mail."""
