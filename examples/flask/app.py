"""A Flask app with the health endpoint that gokku asks before it sends traffic."""

from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "Hello from Flask!\n"


@app.route("/health")
def health():
    return {"status": "healthy"}, 200
