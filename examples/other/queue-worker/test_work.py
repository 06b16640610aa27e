"""A job is done once."""

import tempfile
import unittest
from pathlib import Path

import work


class Worker(unittest.TestCase):
    def test_job_is_done_once(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work.QUEUE = Path(folder)
            (work.QUEUE / "a.job").touch()
            job = work.take()
            assert job is not None
            work.work(job)
            self.assertIsNone(work.take())
            self.assertEqual((work.QUEUE / "done").read_text(), "a none none\n")


if __name__ == "__main__":
    unittest.main()
