"""The same recognisers through Presidio's AnalyzerEngine, as it is usually called: it also looks at the words around.

It needs somebody to cut the text into words: an empty pipeline of spaCy does, without a model. Its time grows faster
than the text, so it is timed on little, and not scored: it would find the same.
"""

from collections.abc import Iterable
from importlib.metadata import version

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from run_presidio import RECOGNISERS
from timed import main


class _Words(SpacyNlpEngine):
    """Cuts into words, and nothing more."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "none"}])
        self.nlp = {"en": spacy.blank("en")}

    def load(self) -> None:
        """Nothing: there is no model."""

    def is_loaded(self) -> bool:
        return True


_ENGINE = AnalyzerEngine(RecognizerRegistry(list(RECOGNISERS)), _Words(), supported_languages=["en"])


def find(text: str, family: str) -> Iterable[tuple[int, int, str]]:
    return [(one.start, one.end, one.entity_type) for one in _ENGINE.analyze(text, language="en")]


if __name__ == "__main__":
    main(version("presidio-analyzer"), find)
