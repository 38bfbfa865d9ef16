"""Normalcy: learns what normal video looks like, then says when, where and why something is not normal."""
