"""One process of an app whose keys are in a file: signs and checks by lines on stdin, at times that the test says."""

from __future__ import annotations

import sys

from flask_gosession.errors import AuthError
from flask_gosession.tokens.following import FollowingCodec, follow
from flask_gosession.tokens.key_schedule import Schedule
from flask_gosession.tokens.types import Claims, TokenType

LIFE = 3600
LEEWAY = 10.0
SCHEDULE = Schedule(every=7200, ahead=900, kept=LIFE + 2 * LEEWAY + 60)


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    now = float(sys.argv[2])
    clock = [now]
    keys = follow(f"file://{sys.argv[1]}", SCHEDULE, lambda: clock[0])
    codec = FollowingCodec(keys, leeway=LEEWAY, longest_lifetime=LIFE)
    for line in sys.stdin:
        verb, _, text = line.strip().partition(" ")
        if verb == "at":
            clock[0] = float(text)
            say("ok")
        elif verb == "sign":
            at = int(clock[0])
            say(codec.encode(Claims("ada", b"s" * 16, b"j" * 16, TokenType.ACCESS, 0, at, at + LIFE)))
        elif verb == "jwks":
            say(*(key["kid"] for key in codec.current_keyring().jwks()["keys"]))
        else:
            try:
                codec.decode(text, TokenType.ACCESS, clock[0])
                say("ok")
            except AuthError as error:
                say(error.error)


if __name__ == "__main__":
    main()
