"""Video in and out: sources, streaming readers with true time stamps, the frame cache, the writer."""
