"""What a fleet needs beside the path that a node takes. Knows ports and processes, no Redis and no Dramatiq."""
