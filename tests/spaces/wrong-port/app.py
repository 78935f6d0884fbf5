import http.server
import os

server = http.server.HTTPServer(("0.0.0.0", 5000), http.server.SimpleHTTPRequestHandler)
server.serve_forever()
