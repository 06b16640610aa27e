"""The counters between two readings."""

import unittest

from hello.metrics import Metrics


class MetricsTest(unittest.TestCase):
    def setUp(self):
        self.metrics = Metrics()

    def read(self):
        found = self.metrics.read()
        return found["greetings"], found["queue_length"]

    def test_greetings_and_the_most_in_flight_are_counted(self):
        with self.metrics.greeting(), self.metrics.greeting():
            pass
        with self.metrics.greeting():
            pass
        self.assertEqual(self.read(), (3, 2))

    def test_a_reading_resets_the_counters_to_the_greetings_in_flight(self):
        with self.metrics.greeting():
            self.assertEqual(self.read(), (1, 1))
            self.assertEqual(self.read(), (0, 1))
        self.read()
        self.assertEqual(self.read(), (0, 0))

    def test_a_failed_greeting_is_no_longer_in_flight(self):
        with self.assertRaises(ValueError), self.metrics.greeting():
            raise ValueError
        self.read()
        self.assertEqual(self.read(), (0, 0))

    def test_memory_is_in_megabytes(self):
        self.assertTrue(1 < self.metrics.read()["memory_mb"] < 1000)
