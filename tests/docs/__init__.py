"""The documentation: its pages are true, and the site is built without a warning."""
