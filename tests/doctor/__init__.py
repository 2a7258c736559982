"""What doctor finds: each finding by a set-up that is really like that."""
