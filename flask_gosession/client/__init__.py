"""For consumers of tokens: expiry without asking the server, refresh before it, verification by JWKS."""
