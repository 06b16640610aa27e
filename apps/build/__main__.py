"""`python3 -P -m apps.build`; -P, because a service's repository may have a folder `apps` of its own."""

import sys

from apps.build.main import main

sys.exit(main(sys.argv[1:]))
