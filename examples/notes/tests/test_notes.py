"""Notes are taken, listed and sent; a database without its migrations fails the self-test."""

import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path

from notes import migrate, report
from notes.web import application
from notes.worker import send_new


class NotesTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder.name) / 'notes.db'}"
        os.environ["API_TOKEN"] = "a-token"
        self.client = application().test_client()
        self.output = io.StringIO()
        self.enterContext(contextlib.redirect_stdout(self.output))

    def add(self, text: str, token: str = "a-token") -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.post("/", data=text, headers=headers).status_code

    def test_self_test_needs_the_migrations(self) -> None:
        self.assertEqual(self.client.get("/self_test").status_code, 500)
        migrate.main()
        migrate.main()
        self.assertEqual(self.client.get("/self_test").status_code, 200)
        self.assertEqual(self.output.getvalue().count("applied 0001_notes.sql"), 1)

    def test_note_is_sent_once(self) -> None:
        migrate.main()
        self.assertEqual(self.add("first"), 201)
        self.assertEqual((send_new(), send_new()), (1, 0))
        self.assertEqual(self.client.get("/").get_json(), [{"id": 1, "text": "first", "sent": True}])
        report.main()
        self.assertIn("1 notes, 0 of them not sent", self.output.getvalue())

    def test_note_needs_the_token_and_a_text(self) -> None:
        migrate.main()
        self.assertEqual((self.add("first", "another"), self.add(" ")), (401, 400))
        self.assertEqual(self.client.get("/").get_json(), [])


if __name__ == "__main__":
    unittest.main()
