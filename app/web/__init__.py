"""Pages for people: complete without JavaScript, in English and Russian."""
