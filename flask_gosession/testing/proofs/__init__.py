"""Proofs for a store: its contract, races, lost replies, and a state machine."""
