"""The object level: objects followed through a video, and how unlike normal ones of their place they are."""
