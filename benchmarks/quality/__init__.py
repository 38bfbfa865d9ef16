"""Which configuration detects better: run them side by side, with controls and baselines, and keep every result."""
