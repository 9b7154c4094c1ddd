"""Portraits as what game engines and artists' tools load, and as a page to choose from."""
