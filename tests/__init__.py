"""Tests, in folders by what they need: unit, integration, engine, acceptance, migration."""
