"""What a person sees: timeline pictures, overlay drawing, curves and the self-contained HTML page."""
