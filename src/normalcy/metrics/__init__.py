"""Pure functions from scores and labels to results. Nothing reads a file; nothing turns an undefined number into a good one."""
