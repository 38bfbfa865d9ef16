"""From network features to a calibrated score for every frame. Reads no labels and no other test video."""
