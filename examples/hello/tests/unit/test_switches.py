"""Reading switches.toml."""

import tempfile
import unittest
from pathlib import Path

from hello.switches import Switches, read_switches


def read(text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "switches.toml"
        file.write_text(text, encoding="utf-8")
        return read_switches(file)


class SwitchesTest(unittest.TestCase):
    def test_an_empty_file_gives_the_defaults(self):
        self.assertEqual(read(""), Switches(starts=True, self_test_fails=False, error_rate=0.0))

    def test_every_switch_is_read(self):
        text = "starts = false\nself_test_fails = true\nerror_rate = 0.03"
        self.assertEqual(read(text), Switches(starts=False, self_test_fails=True, error_rate=0.03))

    def test_unknown_switches_and_invalid_values_are_refused(self):
        for text in ("stars = true", "starts = 1", 'error_rate = "3 %"', "error_rate = 3", "nonsense"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                read(text)
