"""What a prompt means: a small vocabulary, emphasis, and nothing for all else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_notebook.embedded.nodes.analytic.words import CONCEPTS, INDEX, VOCABULARY, tilts, weighted


def meaning(text: str) -> dict[str, float]:
    """The concepts a prompt tilts, with how much."""
    return {CONCEPTS[i]: pytest.approx(float(weight)) for i, weight in enumerate(tilts(text)) if weight}


def test_a_prompt_names_scenes() -> None:
    assert meaning("A Lighthouse at dusk, masterpiece, best quality") == {
        "subject:lighthouse": 1.0,
        "light:dusk": 1.0,
    }


def test_plurals_are_their_singulars() -> None:
    assert meaning("trees and cities") == {"subject:tree": 1.0, "ground:city": 1.0}


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("boat", 1.0),
        ("(boat)", 1.1),
        ("((boat))", 1.21),
        ("(boat:1.5)", 1.5),
        ("(a (boat:1.2) here:0.5)", 0.6),
        ("[boat]", 1 / 1.1),
        ("(boat:-1)", -1.0),
        ("boat, (boat:1.3)", 1.3),
        ("(boat", 1.1),
        ("boat)", 1.0),
        (r"\(boat\)", 1.0),
    ],
)
def test_emphasis(text: str, weight: float) -> None:
    assert meaning(text) == {"subject:boat": weight}


def test_embeddings_and_unknown_words_mean_nothing() -> None:
    assert meaning("embedding:boat.pt zorblax, qwertz") == {}


def test_every_word_of_the_vocabulary_has_a_concept() -> None:
    for word in VOCABULARY:
        assert meaning(word), word
    assert {concept for concepts in VOCABULARY.values() for concept in concepts} == set(INDEX)


@given(st.text(alphabet="abot()[]:\\.0123 -", max_size=40))
def test_any_text_can_be_read(text: str) -> None:
    assert all(isinstance(weight, float) for _, weight in weighted(text))
    assert tilts(text).shape == (len(CONCEPTS),)
