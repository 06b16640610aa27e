"""Greetings, and names that are refused."""

import unittest

from hello.greeting import BadRequest, Greeter


class GreetingTest(unittest.TestCase):
    def test_the_world_is_greeted_without_a_name(self):
        self.assertEqual(Greeter().greet(), "Hello, world!")

    def test_a_name_is_greeted_in_its_language(self):
        self.assertEqual(Greeter().greet(" Ada ", "de"), "Hallo, Ada!")

    def test_the_english_word_can_be_chosen(self):
        self.assertEqual(Greeter("Welcome").greet("Ada"), "Welcome, Ada!")

    def test_braces_in_a_name_are_not_formatted(self):
        self.assertEqual(Greeter().greet("{word.__class__}"), "Hello, {word.__class__}!")

    def test_an_unknown_language_is_refused_with_the_known_ones(self):
        with self.assertRaisesRegex(BadRequest, "expected one of de, en, es, fr, found 'xx'"):
            Greeter().greet("Ada", "xx")

    def test_empty_and_long_names_are_refused(self):
        for name in ("", "  ", "x" * 81):
            with self.subTest(name=name), self.assertRaises(BadRequest):
                Greeter().greet(name)
