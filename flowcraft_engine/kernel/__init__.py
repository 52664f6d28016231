"""The kernel decides: plans, states, transitions, joins, routing, retry.

Pure: no asyncio, time, random, logging, environment or store, direct or indirect. Time and chance are arguments.
"""
