"""The suites of Flask-Login and Flask-JWT-Extended over our adapters; run by name, see `__main__`."""
