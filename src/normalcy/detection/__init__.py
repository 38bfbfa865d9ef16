"""Where the objects of a frame are: detectors, their boxes, tracks. No torch here."""
