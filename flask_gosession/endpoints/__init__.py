"""The ready-made endpoints, their OpenAPI document and the browser module.

Private: the reference lists what apps may import.
"""
