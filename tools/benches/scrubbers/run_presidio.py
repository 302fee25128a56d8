"""Presidio's pattern recognisers for English, used directly: no model of a language is loaded.

Left out is its recogniser of dates, which are no identifiers here and would be nothing but false alarms. A finding of
which Presidio is less sure than SURE is of the kind "unsure": most are eight digits that may be an account at a bank.
"""

from collections.abc import Iterable
from importlib.metadata import version

from presidio_analyzer import PatternRecognizer, RecognizerRegistry
from timed import main

SURE = 0.4  # of 1; its own documentation calls less than this weak

_registry = RecognizerRegistry()
_registry.load_predefined_recognizers(languages=["en"])
RECOGNISERS = [
    one
    for one in _registry.recognizers
    if isinstance(one, PatternRecognizer) and type(one).__name__ != "DateRecognizer"
]


def find(text: str, family: str) -> Iterable[tuple[int, int, str]]:
    for recogniser in RECOGNISERS:
        for one in recogniser.analyze(text, recogniser.supported_entities, None):
            yield one.start, one.end, one.entity_type if one.score >= SURE else "unsure"


if __name__ == "__main__":
    main(version("presidio-analyzer"), find)
