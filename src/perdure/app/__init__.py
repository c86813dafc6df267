"""The App and the handles that users hold.

May import everything but the doors (server, client, cli); holds no decision. Read next: `app`.
"""

from perdure.app.app import App

__all__ = ["App"]
