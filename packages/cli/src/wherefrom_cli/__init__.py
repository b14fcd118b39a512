"""The command ``wherefrom``: it parses arguments, calls the library and prints."""
