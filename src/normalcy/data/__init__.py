"""Benchmark readers, one per layout, and the score and label files of any method."""
