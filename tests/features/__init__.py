"""What people get: one file a feature, over memory and a real Redis, with a clock that moves when told."""
