"""The promises, a file a facet, named as in the port.

May import what the suite may. Read next: `fencing`, then the facet that you change.
"""
