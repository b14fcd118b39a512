"""The documentation as a site: ``uv run --group docs python -m tools.site`` builds it into ``build/site``."""
