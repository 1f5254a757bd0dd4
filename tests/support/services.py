"""Services that need nothing: they answer, fail or turn a deaf ear, as their environment says."""

from deploy.local.ports import free_port
from deploy.local.supervisor import Service

__all__ = ["SERVICE", "a_service"]

SERVICE = """
import http.server, os, signal, sys

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(os.environ.get("STATUS", "200")))
        self.end_headers()
        self.wfile.write(b"the log is behind")

if "DEAF" in os.environ:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("serving as", os.environ["NAME"])
if "FAIL" in os.environ:
    sys.exit("no database")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def a_service(name: str, **env: str) -> Service:
    port = free_port()
    return Service(name, ("-c", SERVICE, str(port)), port, {"NAME": name, **env})
