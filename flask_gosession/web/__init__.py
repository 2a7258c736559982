"""One request: who is asking, how tokens travel, and what the answer owes.

Private: the reference lists what apps may import.
"""
