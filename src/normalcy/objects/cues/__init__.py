"""What is read off each sighting of an object, one cue to a file. See normalcy.objects.cues.base for what a cue is."""
