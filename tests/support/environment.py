"""The environment that a test gives to the program: what the test says, and the options of the sanitizers."""

import os


def environment(**variables):
    passed_on = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
    return {**{name: os.environ[name] for name in passed_on if name in os.environ}, **variables}
