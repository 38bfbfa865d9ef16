"""Training: the three proxy tasks, the decoder of stage 2, and calibration on normal video."""
