"""Whoever looks on: the audit trail, metrics, traces."""
