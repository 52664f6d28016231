"""Reports: what people and CI systems are told of a run, made of its state and history. Executes and writes nothing."""
