"""The session manager over real stores."""
