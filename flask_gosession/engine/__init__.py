"""What happens to sessions, over any store and without any web framework.

Private: the reference lists what apps may import.
"""
