"""Portraits as what game engines and drawing programs load, and as a page to choose from."""
