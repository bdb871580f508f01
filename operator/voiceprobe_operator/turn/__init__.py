"""One turn at a client: what is declared, what is known of the outside, how it goes, and what is said of it."""
