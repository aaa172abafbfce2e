"""The tasks of peers.py, each with its own data, contenders and judge."""
