"""One module per command; `wherefrom_cli.main` names them."""
