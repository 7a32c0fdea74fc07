"""Read-only questions; each returns one DataFrame with a declared schema."""
