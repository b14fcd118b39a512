"""Widgets of the browser, one per file. They draw what they are given and post messages; screens decide."""
