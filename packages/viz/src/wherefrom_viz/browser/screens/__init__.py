"""Screens of the browser, one per file. Widgets post messages; screens decide what follows."""
