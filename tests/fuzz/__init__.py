"""What nobody thought of: requests, messages and frames made up, and seeded so that a run can be repeated."""
