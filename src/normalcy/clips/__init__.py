"""Clips: which source frames form a continuous, a discontinuous or a sliding window."""
