"""From frame scores to events: when, where, how strong."""
