"""`python -m tests.bench.bare_read PORT FILE`: the floor of a read in a process of its own, served as services are."""

import json
import sys
from pathlib import Path

import uvicorn

from tests.bench.floors import bare_route

if __name__ == "__main__":
    port, file = sys.argv[1:]
    uvicorn.run(
        bare_route({path: text.encode() for path, text in json.loads(Path(file).read_text()).items()}),
        host="127.0.0.1",
        port=int(port),
        log_config=None,
        access_log=False,
        server_header=False,
    )
