"""One program per system: `python -m benchmarks.peers.systems.NAME FOLDER` prints one line of JSON, see system.py."""
