"""`flowcraft worker`: what its processes do, and what they say."""
