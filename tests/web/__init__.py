"""The Flask layer, by header, through a real app."""
