"""Many trainings and evaluations as one table: the tables of the paper, and the quality benchmark."""
