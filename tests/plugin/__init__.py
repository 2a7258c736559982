"""The pytest plugin, by runs of pytest in pytest."""
