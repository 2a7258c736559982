"""Flask's session, Flask-Login and Flask-JWT-Extended over our sessions: keep the views, change a class."""
