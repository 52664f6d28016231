"""History: what happened to a run, folded into what people and machines read."""
