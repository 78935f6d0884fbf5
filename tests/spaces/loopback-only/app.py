import http.server
import os

server = http.server.HTTPServer(("127.0.0.1", 7860), http.server.SimpleHTTPRequestHandler)
server.serve_forever()
