"""The adapters: Flask's session, Flask-Login and Flask-JWT-Extended over our sessions."""
