"""How many functions of ours wait while the driver of a store is asked who may see a view."""

from __future__ import annotations

import sys
from pathlib import Path

from sites import add_me, open_site

import flask_gosession

OURS = str(Path(flask_gosession.__file__).parent)
QUESTIONS = {
    ("redis", "send_command"),
    ("redis", "execute_command"),
    ("sqlalchemy", "execute"),
    ("mongomock", "find_one"),
    ("flask_gosession", "load"),
}
"""The functions that ask a store, by package; the last one is the memory's own, which has no driver."""
MOST = 9


class Questions:
    """A profiler that remembers for each question which functions of ours wait for it, from the view's guard on."""

    def __init__(self):
        self.asked = []

    def __call__(self, frame, event, _argument):
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if event == "call" and (package, frame.f_code.co_name) in QUESTIONS:
            waiting = waiting_for(frame)
            if "guarded" in waiting:
                self.asked.append(waiting[waiting.index("guarded") :])


def waiting_for(frame):
    """Return the names of our functions below *frame*, the outermost first."""
    names = []
    while frame := frame.f_back:
        if frame.f_code.co_filename.startswith(OURS):
            names.insert(0, frame.f_code.co_name)
    return names


def test_the_way_to_the_driver_is_short(any_store, clock):
    """From the guard of a view to the question that the driver asks, at most nine functions of ours wait."""
    shop = open_site(clock, STORE=any_store, views=add_me)
    token = shop.pair().access_token
    questions = Questions()
    sys.setprofile(questions)
    try:
        answer = shop.get(token)
    finally:
        sys.setprofile(None)
    assert answer.status_code == 200
    deepest = max(questions.asked, key=len)
    assert len(deepest) <= MOST, " > ".join(deepest)
