"""The version, in one place.

Private: the reference lists what apps may import.
"""

__version__ = "0.1.0"
