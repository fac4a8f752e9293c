"""The walls around an engine, tried from inside."""
