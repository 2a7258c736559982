"""Is this set-up safe: checks of settings, keys, cookies, store and surroundings, each with what to do about it.

Private: the reference lists what apps may import.
"""
