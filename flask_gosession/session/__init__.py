"""The record of one subject and the pure rules on it: no I/O, no clock, no randomness.

Private: the reference lists what apps may import.
"""
