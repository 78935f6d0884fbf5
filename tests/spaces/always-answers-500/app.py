import http.server


class Broken(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(500, "always")


http.server.HTTPServer(("0.0.0.0", 7860), Broken).serve_forever()
