"""The page: review what happened, watch live, look at recorded video, set the threshold. The only place that knows FastAPI."""
