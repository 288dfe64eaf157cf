"""What the service is measured against: each does one thing, as its own documentation would have it done."""
