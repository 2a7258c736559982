"""What code outside the views needs for an answer: the CSRF value of a session, cookies and headers."""

from __future__ import annotations

from flask import Response

from flask_gosession.session.arguments import valid_sid
from flask_gosession.web.current import session_of
from flask_gosession.web.state import state_of
from flask_gosession.web.visit import visit_of


class AnswerHooks:
    """The methods of `GoSession` that concern the answer to a request."""

    name: str

    def csrf_token(self) -> str:
        """Return the CSRF value of the current session for a form field; empty when nobody is signed in."""
        session = session_of(self.name)
        return self.csrf_value(session.sid) if session else ""

    def csrf_value(self, sid: str) -> str:
        """Return the CSRF value of the session of that id, also outside a request; it works for that session only.

        Raises ValueError for anything but a session id.
        """
        return state_of(self.name).csrf.value_for(valid_sid("sid", sid))

    def apply_to(self, response: Response) -> Response:
        """Put the cookies and headers that the current request has caused onto *response* now; return it.

        This happens by itself after each view. Call it for an answer that is on its way already, or made elsewhere, as
        in a session interface or a WSGI middleware. Calling it twice does no harm.
        """
        visit_of(self.name).complete(response)
        return response
