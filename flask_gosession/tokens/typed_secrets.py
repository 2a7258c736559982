"""Whether a person may have typed a secret: words, runs of letters, repetitions and walks across the keyboard.

A secret is described piece by piece, as cheaply as it goes: by a word of a list, by letters that often follow each
other, by a copy of what came before. What was drawn at random costs as many bits as its alphabet says, and no fixed way
to describe things saves *k* bits on more than one in 2 ** k of all texts, so that a secret described in `SAVED` bits
less was typed, and the odds against a false alarm are known.
"""

from __future__ import annotations

import binascii
import string
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from math import inf, log2

SAVED = 30
"""Bits; a random secret is mistaken for a typed one at most once in a thousand million times."""
_LONGEST = 128
"""Bytes that are examined: longer secrets are judged by their beginning."""
_LONGEST_RUN = 20

_LIST = """
access account add admin all always am an and any api app application apps are as at auth authentication
authorization aws backend bank be been before best better big blog book bot build but by can cannot change
changed chat class client cloud code company config cookie could course create crypto dashboard data database db
debug default demo dev develop developer development django do docker does don dont easy email encryption env
environment etc every example express extra fallback fastapi file first flask for from game generate get go good
google guess hard has hash have hello here hidden hmac host how http id if in insecure is it its java javascript
json jwt keep key keys know known least let life like local localhost login long longer love made make
management manager master me mongo more most must my mysql name need never new no node not now of ok old on one
only or order other our out pass password payload people phrase please portal postgres private prod product
production project public python random react real really replace safe sample secret secrets secure security
server service session set shall share shop should sign signature signed signing simple site so some something
spring sql standard start store string strong student super system task team test testing that the their them
then there they thing this to todo token tokens too top tutorial two unique use used user users using value
values very want was we web website what when where which who will with word work world would write year yes you
your chave cle clave contrasena geheim geheimnis jeton kunci muy rahasia schluessel secreta secrete secreto
segredo senha sehr langes longue parole
"""
WORDS: frozenset[str] = frozenset(_LIST.split())
"""What people put into secrets, in a few languages."""
_WORD_BITS = log2(len(WORDS))
_LONGEST_WORD = max(map(len, WORDS))
_BEGINNINGS = frozenset(word[:2] for word in WORDS)

_PAIRS = (
    ".52453890?<45514@41-8:4?:@~",
    "A634A=7A5A;/3,A6@/0-7:>?7A/",
    "1@:=+AAA31A-@@1@@26>.AAA.@3",
    "0A8?,A@05A62?A*AA7;-4AAA?A4",
    "4>@6+??A.@A;?@2@A86@7?@A;A'",
    "6?4197<@<A@78/?9;./4@:<7;A(",
    "2A>A44@A-AA6A@,@A0=54AAA9A(",
    "5@AA+@:2/AA7?30=A15=3@AAA?)",
    "-AAA&AAA/AA@>@0AA<?6=AAA>A.",
    "8517436A@A>35*.9A6..@6A=A=<",
    "7?@?%?@@@@;@@@4<?@/;/@5@@@1",
    "8@@=(@>A0AA:A6A9AA1@:@;AA@'",
    "/=?5+7?@+AA0?A0=A?654??A3@-",
    ",3@;)@A@1AA<6?0/A@4@6@@A?A.",
    "3A4.0;0A9A=;@<1>AA/.9;AA8A)",
    ">873<08A=A873+:4A,53177>@@0",
    ".@@>.?@<4AA/@A01A,:229A@2A0",
    "?@?@@?@@@@@0?@@@@@;@#@?@@@4",
    "0?98*<8A0A7=561=A7369<>A6A*",
    "8A;A,?@70A;>?@48??1.6A=A=A'",
    "3A=?.@A*.AA<>A0=A34:7A:A8A*",
    "93571<;A6AA01.>5A-.-AAAAAA1",
    ",AAA%AAA-AAAAA7AAAAA@@AAAA3",
    ".@@@0AA,*A?;A5,AA28;AA=@AA/",
    "/=.=0?@;2A@;<A@/@<?)AAA>7?+",
    ">?>@7@AA7AA=>:-4A743AA;A??%",
    "/=<=&???/??=4=2=????????=;.",
)
"""How many quarters of a bit each letter costs after each other one in English prose, as characters from "!" on.

The first row is for the beginning of a word, and the last column for its end.
"""
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "@": "a", "5": "s", "$": "s", "7": "t"}
_AS_IT_IS, _LEET_BITS = 0.15, 5.0
_LOWER, _UPPER = 1.0, 2.0
"""Bits for a word in small letters; for one in capitals, or with one at its beginning."""

_MARKS = " -_.,:;!?@#$*+/'"
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz 012345678901234567890 qwertyuiop asdfghjkl zxcvbnm qwertzuiop azertyuiop !@#$%^&*() "
)
_WALKS = _ROWS + "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p zaq12wsxcde34rfvbgt56yhnmju78ik,.lo90p " + _ROWS[::-1]

_WORD, _RUN, _MARK, _COPY, _PLAIN, _WALK, _DIGIT, _SERIES = 2, 2, 2, 3, 4, 5, 6, 6
"""Bits that say what comes next; together they leave nothing over: 3 / 4 + 1 / 8 + 1 / 16 + 1 / 32 + 2 / 64 = 1."""
_LEAST_COPIED = 3

_ALPHABETS = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.ascii_uppercase + "234567",
    string.ascii_letters + string.digits,
    string.ascii_letters + string.digits + "+/",
    string.ascii_letters + string.digits + "-_",
    string.digits + string.ascii_letters + string.punctuation + " ",
    "".join(map(chr, range(256))),
)
"""The alphabets of secrets; the first that has all characters of a secret is assumed."""


def is_typed(secret: bytes) -> bool:
    """Return whether a person may have typed *secret*, or what it is the hexadecimal or base64 form of."""
    return any(_saved(form) >= SAVED for form in forms(secret.strip()[:_LONGEST]))


def forms(secret: bytes) -> Iterator[str]:
    """Yield *secret* as text, and what it may be the hexadecimal or base64 form of."""
    text = secret.rstrip(b"=")
    yield text.decode("latin-1")
    with suppress(ValueError):
        yield binascii.unhexlify(text).decode("latin-1")
    with suppress(ValueError):
        standard = text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4)
        yield b64decode(standard, validate=True).decode("latin-1")


def _saved(text: str) -> float:
    """Return how many bits the cheapest description of *text* takes less than a text drawn at random."""
    used = set(text)
    each = log2(next(len(alphabet) for alphabet in _ALPHABETS if used.issubset(alphabet)))
    seen: dict[str, int] = {}
    costs = [0.0, *[inf] * len(text)]
    for start in range(len(text)):
        for end, bits in _pieces(text, start, each, seen):
            costs[end] = min(costs[end], costs[start] + bits)
        seen.setdefault(text[start : start + _LEAST_COPIED], start)
    return each * len(text) - costs[-1]


def _pieces(text: str, start: int, each: float, seen: dict[str, int]) -> Iterator[tuple[int, float]]:
    """Yield where each piece that may begin at *start* ends, and its bits."""
    char = text[start]
    yield start + 1, _PLAIN + each
    if char in _MARKS:
        yield start + 1, _MARK + log2(len(_MARKS))
    if char in string.digits:
        yield start + 1, _DIGIT + log2(10)
    yield from _words(text, start)
    yield from _runs(text, start)
    yield from _copies(text, start, seen)
    yield from _series(text, start)


def _words(text: str, start: int) -> Iterator[tuple[int, float]]:
    ahead = text[start : start + _LONGEST_WORD]
    plain = "".join(_LEET.get(char, char) for char in ahead)
    if plain[:2].lower() not in _BEGINNINGS:
        return
    for length in range(2, len(ahead) + 1):
        given, word, end = ahead[:length], plain[:length], start + length
        if word.lower() in WORDS and word in {word.lower(), word.upper(), word.capitalize()}:
            odd = sum(char in _LEET for char in given)
            bits = odd * _LEET_BITS + (len(word) - odd) * _AS_IT_IS
            yield end, _WORD + _WORD_BITS + bits + (_LOWER if word.islower() else _UPPER)


def _runs(text: str, start: int) -> Iterator[tuple[int, float]]:
    """Yield the runs of letters that may be a word, digits in the place of letters among them."""
    if not (text[start].isascii() and text[start].isalpha()):
        return
    capitals = text[start : start + 2].isupper()
    bits, row = _RUN + (_LOWER if text[start].islower() else _UPPER), 0
    for end in range(start, min(start + _LONGEST_RUN, len(text))):
        char = text[end]
        letter = _LEET.get(char, char.lower())
        if letter not in string.ascii_lowercase or (end > start and char.isalpha() and char.isupper() != capitals):
            return
        column = ord(letter) - ord("a")
        bits += (ord(_PAIRS[row][column]) - ord("!")) / 4 + (_LEET_BITS if char in _LEET else _AS_IT_IS)
        row = column + 1
        yield end + 1, bits + (ord(_PAIRS[row][26]) - ord("!")) / 4


def _copies(text: str, start: int, seen: dict[str, int]) -> Iterator[tuple[int, float]]:
    """Yield repetitions, and walks across the keyboard and through the alphabet."""
    beginning = text[start : start + _LEAST_COPIED]
    earlier, walk = seen.get(beginning), _WALKS.find(beginning.lower())
    if len(beginning) < _LEAST_COPIED:
        return
    if earlier is not None:
        length = _shared(text, start, text, earlier)
        yield start + length, _COPY + log2(start) + _length_bits(length)
    if walk >= 0:
        length = _shared(text.lower(), start, _WALKS, walk)
        if text[start : start + length] in {text[start : start + length].lower(), text[start : start + length].upper()}:
            yield start + length, _WALK + log2(len(_WALKS)) + _UPPER + _length_bits(length)


def _series(text: str, start: int) -> Iterator[tuple[int, float]]:
    """Yield bytes that go up or down one by one."""
    for step in (1, -1):
        end = start + 1
        while end < len(text) and ord(text[end]) - ord(text[end - 1]) == step:
            end += 1
        if end - start >= _LEAST_COPIED:
            yield end, _SERIES + 8 + 1 + _length_bits(end - start)


def _shared(text: str, start: int, other: str, place: int) -> int:
    """Return how many characters are the same from *start* and from *place* on."""
    length = 0
    while start + length < len(text) and place + length < len(other) and text[start + length] == other[place + length]:
        length += 1
    return length


def _length_bits(length: int) -> int:
    """Return the bits for a length of three or more (Elias gamma code)."""
    return 2 * int(log2(length - _LEAST_COPIED + 1)) + 1
