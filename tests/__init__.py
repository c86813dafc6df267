"""The promises of perdure, each held by a test that is named after it."""
