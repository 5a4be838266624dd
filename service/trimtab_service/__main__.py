"""`python -m trimtab_service` is `trimtab-service`."""

import sys

from trimtab_service.cli import main

if __name__ == "__main__":
    sys.exit(main())
