"""Real servers and workers that are broken on purpose, under load, while a model judges every answer."""
