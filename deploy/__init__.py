"""How the system is run: on one machine, in containers, in a cluster."""

import sys
from importlib.util import find_spec

if find_spec("asyncpg") is None:
    # A command typed with the machine's own python: a traceback would not say what is the matter.
    sys.stderr.write(
        f"{sys.executable} chưa có thư viện cần thiết: `make up` cài vào .venv; dùng .venv/bin/python -m …\n"
        f"{sys.executable} lacks the libraries: `make up` installs them into .venv; use .venv/bin/python -m …\n"
    )
    raise SystemExit(2)
