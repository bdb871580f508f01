"""Call records, and their way to the database: none lost, none twice."""
