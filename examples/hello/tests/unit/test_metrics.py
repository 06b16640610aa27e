"""What is counted between two readings."""

import unittest

from hello.metrics import Metrics


class MetricsTest(unittest.TestCase):
    def setUp(self):
        self.metrics = Metrics()

    def read(self):
        found = self.metrics.read()
        return found["greetings"], found["queue_length"]

    def test_greetings_are_counted_and_how_many_were_under_way_at_once(self):
        with self.metrics.greeting(), self.metrics.greeting():
            pass
        with self.metrics.greeting():
            pass
        self.assertEqual(self.read(), (3, 2))

    def test_counting_begins_anew_with_what_is_still_under_way(self):
        with self.metrics.greeting():
            self.assertEqual(self.read(), (1, 1))
            self.assertEqual(self.read(), (0, 1))
        self.read()
        self.assertEqual(self.read(), (0, 0))

    def test_a_greeting_that_fails_is_over_too(self):
        with self.assertRaises(ValueError), self.metrics.greeting():
            raise ValueError
        self.read()
        self.assertEqual(self.read(), (0, 0))

    def test_memory_is_told_in_megabytes(self):
        self.assertTrue(1 < self.metrics.read()["memory_mb"] < 1000)
