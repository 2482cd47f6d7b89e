"""What the words of a prompt mean to the model: a small vocabulary, and nothing else.

A prompt becomes one row of tilts, one number a concept: how many times more probable (as a logarithm,
times `NATS`) the scenes with that concept become. Words that are not listed have no effect at all.

`(word)` counts 1.1 times, `(word:1.3)` 1.3 times, nested ones multiply; `[word]` counts 1/1.1 times.
`embedding:name` is ignored: there is nothing to look it up in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from .grounds import GROUNDS
from .light import LIGHTS
from .noise import Array
from .objects import SUBJECTS

SKIES = ("sun", "moon", "stars", "clouds", "birds")
CONCEPTS: tuple[str, ...] = (
    *(f"ground:{name}" for name in GROUNDS),
    *(f"light:{light.name}" for light in LIGHTS),
    *(f"sky:{name}" for name in SKIES),
    *(f"subject:{name}" for name in SUBJECTS),
)
INDEX = {concept: number for number, concept in enumerate(CONCEPTS)}

_VOCABULARY = """
ground:sea        sea ocean beach coast coastal shore seaside water wave lake island harbor harbour bay
ground:sea        marine nautical
ground:mountains  mountain mountainous peak alps alpine summit cliff range valley landscape
ground:forest     forest wood woodland jungle pine fir conifer wilderness
ground:city       city skyline town street building skyscraper
ground:city       urban cyberpunk downtown metropolis architecture
ground:desert     desert dune sand sahara mesa canyon arid
ground:meadow     meadow field hill grass grassland countryside pasture garden prairie farm
ground:meadow     spring summer nature
ground:snow       snow snowy winter ice icy frozen arctic frost glacier christmas
light:day         day daylight midday noon morning sunny bright clear blue
light:dawn        dawn sunrise daybreak pastel pink rose
light:sunset      sunset evening red orange fiery crimson
light:dusk        dusk twilight purple violet magenta lilac
light:night       night nighttime midnight dark nocturnal black starry
light:storm       storm stormy fog foggy mist misty rain rainy overcast grey gray gloomy moody monochrome
light:gold        golden gold autumn fall yellow amber warm sepia
light:aurora      aurora green teal emerald turquoise cyan borealis
sky:sun           sun sunny sunrise
sky:moon          moon moonlit moonlight lunar
sky:stars         star starry galaxy cosmos cosmic space nebula milky constellation universe
sky:clouds        cloud cloudy overcast
sky:birds         bird seagull gull flock crow
subject:lighthouse lighthouse beacon
subject:boat      boat ship sailboat sail sailing yacht vessel
subject:house     house cottage cabin home hut farmhouse village
subject:tree      tree oak
subject:castle    castle fortress palace tower medieval fairytale
subject:windmill  windmill mill
subject:balloon   balloon airship
subject:flower    flower floral blossom rose tulip daisy bouquet
subject:cactus    cactus cacti saguaro
subject:cat       cat kitten kitty feline
subject:bottle    bottle glass potion flask jar
"""


def _read(table: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in table.split("\n"):
        concept, *words = line.split() or [""]
        for word in words:
            found.setdefault(word, []).append(concept)
    return found


VOCABULARY = _read(_VOCABULARY)

_TOKEN = re.compile(r"\\[()\[\]]|[()\[\]]|:\s*([-+]?\d*\.?\d+)\s*(?=\))|[^\\()\[\]:]+|[\\:]")
_WORD = re.compile(r"[^\W\d_]+")
_EMBEDDING = re.compile(r"\bembedding:\S+")


def concepts_of(word: str) -> list[str]:
    """What a word means: itself in the vocabulary, or its singular."""
    word = word.lower()
    for form in (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ies") + "y"):
        if form in VOCABULARY:
            return VOCABULARY[form]
    return []


def weighted(text: str) -> Iterator[tuple[str, float]]:
    """The pieces of a prompt, each with its emphasis; brackets that do not match are as good as matched."""
    stack: list[tuple[str, list[tuple[str, float]]]] = [("", [])]
    said: float | None = None
    for match in _TOKEN.finditer(_EMBEDDING.sub(" ", text)):
        token = match.group()
        if match.group(1) is not None and len(stack) > 1:
            said = float(match.group(1))
        elif token in "([":
            stack.append((token, []))
        elif token in ")]" and len(stack) > 1:
            bracket, pieces = stack.pop()
            factor = said if said is not None else 1.1 if bracket == "(" else 1 / 1.1
            stack[-1][1].extend((piece, weight * factor) for piece, weight in pieces)
            said = None
        else:
            stack[-1][1].append((token, 1.0))
    for bracket, pieces in stack:
        factor = {"": 1.0, "(": 1.1, "[": 1 / 1.1}[bracket]
        yield from ((piece, weight * factor) for piece, weight in pieces)


def tilts(text: str) -> Array:
    """The meaning of a prompt, float32 (number of concepts,); zeros when no word is known.

    A concept named twice counts as its most emphasised mention.
    """
    found = np.zeros(len(CONCEPTS), np.float32)
    for piece, weight in weighted(text):
        for word in _WORD.findall(piece):
            for concept in concepts_of(word):
                number = INDEX[concept]
                if abs(weight) > abs(found[number]):
                    found[number] = weight
    return found
