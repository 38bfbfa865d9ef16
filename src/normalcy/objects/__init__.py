"""Objects: where they are in each frame, which of them is which over time, their crops, and how fast they move."""
