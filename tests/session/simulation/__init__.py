"""A model of browsers, networks, stores and thieves around the rule of a refresh; all chance comes from a seed."""
