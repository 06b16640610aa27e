"""The results of the self-test."""

import unittest

from hello.checks import self_test
from hello.greeting import Greeter
from hello.switches import Switches

DEFAULTS = Switches()


def failed(greeter, switches=DEFAULTS, version="1.4.0"):
    return [check["name"] for check in self_test(greeter, switches, version) if not check["passed"]]


class SelfTestTest(unittest.TestCase):
    def test_a_correct_installation_passes_every_check(self):
        self.assertEqual(failed(Greeter()), [])

    def test_damaged_data_fails_and_the_other_checks_still_run(self):
        greeter = Greeter()
        greeter.forms = {"en": "Hello!"}
        self.assertEqual(failed(greeter), ["data", "greeting"])
        self.assertEqual(len(self_test(greeter, Switches(), "1.4.0")), 4)

    def test_a_missing_version_fails(self):
        self.assertEqual(failed(Greeter(), version=""), ["version"])

    def test_the_switch_fails_the_self_test(self):
        self.assertEqual(failed(Greeter(), Switches(self_test_fails=True)), ["switches"])
