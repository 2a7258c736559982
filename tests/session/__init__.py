"""The rules on one subject's record, proved without a server."""
