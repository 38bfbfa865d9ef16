"""Scores against labels, beside baselines: the only place where predictions meet truth."""
