"""``python -m wherefrom.inseq``."""

import sys

from wherefrom.inseq.commands.cli import main

sys.exit(main())
