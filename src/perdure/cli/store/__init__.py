"""`perdure store …`: the database itself."""
