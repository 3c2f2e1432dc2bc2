from flask import Flask

VERSION = "v1"


def create_app():
    app = Flask(__name__)

    @app.get("/health")
    def health():
        return "healthy"

    @app.get("/version")
    def version():
        return VERSION, {"X-App-Version": VERSION}

    return app
