"""`python3 -P -m apps.build`: build a service. -P is needed because its repository may have its own folder `apps`."""

import sys

from apps.build.main import main

sys.exit(main(sys.argv[1:]))
