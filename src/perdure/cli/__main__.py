"""`python -m perdure.cli`, for where no script is installed."""

import sys

from perdure.cli import main

sys.exit(main())
