"""A simulated fixed surveillance camera with exact ground truth: what the demo trains and scores on."""
