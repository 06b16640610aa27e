"""The web server: it lists notes, and takes new ones from callers that know API_TOKEN."""

import hmac
import os
from contextlib import closing

from flask import Flask, Response, jsonify, request

from notes.database import connect, missing


def application() -> Flask:
    """Return the WSGI application."""
    app = Flask("notes")
    version = os.environ.get("LIFECYCLE_VERSION", "")

    @app.after_request
    def say_version(response: Response) -> Response:
        response.headers["X-Version"] = version
        return response

    @app.get("/")
    def notes() -> Response:
        with closing(connect()) as connection:
            rows = connection.execute("select id, text, sent from note order by id desc limit 100").fetchall()
        return jsonify([{"id": number, "text": text, "sent": bool(sent)} for number, text, sent in rows])

    @app.post("/")
    def add() -> tuple[Response, int]:
        given, wanted = request.headers.get("Authorization", ""), f"Bearer {os.environ['API_TOKEN']}"
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return jsonify(error="expected the header Authorization: Bearer, with the token of this service"), 401
        text = request.get_data(as_text=True).strip()
        if not 1 <= len(text) <= 1000:
            return jsonify(error=f"expected a text of 1 to 1000 characters, found {len(text)}"), 400
        with closing(connect()) as connection, connection:
            number = connection.execute("insert into note (text) values (?)", (text,)).lastrowid
        return jsonify(id=number), 201

    @app.get("/is_alive")
    def is_alive() -> Response:
        return jsonify(alive=True)

    @app.get("/self_test")
    def self_test() -> tuple[Response, int]:
        with closing(connect()) as connection:
            lacking = [each.name for each in missing(connection)]
        return jsonify(missing_migrations=lacking), 500 if lacking else 200

    return app
