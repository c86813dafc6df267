"""Journals that a version has recorded, which every later one replays; a later version adds files and changes none."""
