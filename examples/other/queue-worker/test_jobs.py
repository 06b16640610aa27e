"""A job is done once."""

import tempfile
import unittest
from pathlib import Path

import jobs


class Worker(unittest.TestCase):
    def test_job_is_done_once(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            jobs.QUEUE = Path(folder)
            (jobs.QUEUE / "a.job").touch()
            job = jobs.take()
            assert job is not None
            jobs.work(job)
            self.assertIsNone(jobs.take())
            self.assertEqual((jobs.QUEUE / "done").read_text(), "a none none\n")


if __name__ == "__main__":
    unittest.main()
