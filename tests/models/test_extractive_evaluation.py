"""How often the embedded model cites the right line of a source tree for a plain question."""

import re

import pytest

from perdure.models.extractive.model import ExtractiveModel
from tests.models.folder import Folder, answer

# question, file, and a text that only the right line (or the right lines) of that file has
QUESTIONS = [
    ("Where is the lease renewed?", "parcels/leases.py", "def renew("),
    ("Which class folds scans?", "parcels/scans.py", "class HistoryFolder"),
    ("What is the maximum length of an id?", "parcels/ids.py", "MAX_ID_LENGTH = 128"),
    ("How does the store handle a stale token?", "parcels/store.py", "def mark_delivered|AND token = "),
    ("Where is function shortest_route defined?", "parcels/routes.py", "def shortest_route"),
    ("How long does a lease last?", "parcels/leases.py", "LEASE_SECONDS = 30.0"),
    ("Which exception says that a lease was lost?", "parcels/leases.py", "class LeaseLost"),
    ("How is the shipping cost computed?", "parcels/routes.py", "def shipping_cost"),
    ("What is the price per km?", "parcels/routes.py", "PRICE_PER_KM = 0.02"),
    ("Where are duplicate scans detected?", "parcels/scans.py", "def add|duplicate|in self._by_sequence"),
    ("How many attempts does a webhook get?", "parcels/retry.py|settings.toml", "MAX_ATTEMPTS = 12|max_attempts = 12"),
    ("Which HTTP statuses are retried?", "parcels/retry.py", "def should_retry|status == 429"),
    ("What is the longest pause between two attempts?", "parcels/retry.py", "LONGEST_PAUSE = 300.0"),
    ("Where is the schema migrated?", "parcels/store.py", "def _migrate"),
    ("What happens when the database is too new?", "parcels/store.py", "class StoreTooNew|raise StoreTooNew"),
    ("Which class follows a parcel in the browser?", "web/client.ts", "class TrackerClient"),
    ("After how many milliseconds does the client reconnect?", "web/client.ts", "RECONNECT_MS = 1500"),
    ("How is a new parcel id made?", "parcels/ids.py", "def new_parcel_id"),
    ("Where does `fence` refuse a write?", "parcels/leases.py", "def fence"),
    ("What does check_id do?", "parcels/ids.py", "def check_id"),
    ("Which port does the server use?", "settings.toml|README.md", "8080"),
    ("How heavy may a parcel be?", "README.md", "at most 30 kg"),
    ("What is the pool size of the store?", "settings.toml", "pool_size = 10"),
    ("Which table keeps the scans?", "parcels/store.py", "CREATE TABLE IF NOT EXISTS scans"),
]
ENOUGH = 0.8


def cited(text: str) -> tuple[str, int] | None:
    """The first citation, which is the answer."""
    match = re.search(r"`([^`\s]+):(\d+)`", text)
    return (match[1], int(match[2])) if match else None


async def is_right(question: str, path: str, expected: str) -> bool:
    folder = Folder()
    text, _ = await answer(ExtractiveModel(), question, folder)
    place = cited(text)
    return (
        place is not None
        and place[0] in path.split("|")
        and re.search(_either(expected), folder.lines(place[0])[place[1] - 1]) is not None
    )


def _either(expected: str) -> str:
    return "|".join(re.escape(each) for each in expected.split("|"))


@pytest.mark.slow
async def test_most_plain_questions_get_the_right_line() -> None:
    wrong = [question for question, path, expected in QUESTIONS if not await is_right(question, path, expected)]
    assert len(QUESTIONS) >= 15
    assert len(wrong) <= (1 - ENOUGH) * len(QUESTIONS), wrong
