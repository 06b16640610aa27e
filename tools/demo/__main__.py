"""`python -m tools.demo`, which `make run` starts."""

import sys

from tools.demo.demo import main

sys.exit(main())
