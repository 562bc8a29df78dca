"""The middleware of every request to the studio, its websocket included: under which name, from which page, by whom.

It wraps all routes of Streamlit, so no request can bypass it.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelftalk.hosts import authority, host_name
from shelftalk.studio.options import LOCAL_HOSTS
from shelftalk.studio.plain_page import FIELD, refusal, sign_in_form, wants_html
from shelftalk.studio.sign_in import SignIn

FORM_TYPE = "application/x-www-form-urlencoded"
FORM_BYTES = 4096
ENDED = 1008  # a websocket's code for what is against the rules
SAFE_HEADERS = {
    "content-security-policy": "frame-ancestors 'self'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Gate:
    """Refuses requests under foreign names and from foreign pages; with a `sign_in`, those of browsers not signed in.

    The first stops DNS rebinding: a page whose name resolves to this machine sends its own name as Host. The second
    stops pages elsewhere that open the websocket with the cookie of a visitor.
    """

    def __init__(self, app: ASGIApp, port: int, sign_in: SignIn | None = None) -> None:
        self._app = app
        self._port = port
        self._sign_in = sign_in
        self._cookie = f"shelftalk_{port}"  # cookies are shared by all ports of a host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, sign its browser in, or pass it to Streamlit."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = await self._answer(scope, receive)
        if answer is None and scope["type"] == "websocket" and self._sign_in:
            await self._until_session_ends(self._sign_in, scope, receive, send)
        elif answer is None:
            await self._app(self._with_prefix(scope), receive, self._sender(scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": ENDED})  # before it is accepted: status 403
        else:
            await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the answer to a request that Streamlit does not get."""
        headers, query = Headers(scope=scope), scope["query_string"]
        if not self._named_right(headers):
            return refusal(headers, query, "refused.public_name" if self._sign_in else "refused.name")
        if not self._from_own_page(scope, headers):
            return refusal(headers, query, "refused.page", program=scope["path"].endswith(".js"))
        if self._sign_in is None:
            return None
        if (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and headers.get("content-type", "").startswith(FORM_TYPE)
        ):
            return await self._signed_in(self._sign_in, scope, receive, headers)
        if self._seconds_left(self._sign_in, headers) > 0:
            return self._to_prefix(scope, self._sign_in)
        return sign_in_form(headers, query)

    async def _until_session_ends(self, sign_in: SignIn, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a websocket to Streamlit, and close it when the session of its browser ends, also between messages."""
        ended = False

        async def limited_receive() -> Message:
            nonlocal ended
            try:
                return await asyncio.wait_for(receive(), self._seconds_left(sign_in, Headers(scope=scope)))
            except asyncio.TimeoutError:
                ended = True
                return {"type": "websocket.disconnect", "code": ENDED}

        await self._app(self._with_prefix(scope), limited_receive, send)
        if ended:  # only now, since Streamlit may still have sent something
            await send({"type": "websocket.close", "code": ENDED})

    def _named_right(self, headers: Headers) -> bool:
        """Return whether all names of a request are allowed.

        A proxy that replaces Host may put the browser's name into X-Forwarded-Host, which so only ever forbids.
        """
        names = headers.getlist("host") or [""]
        names += [one.partition(",")[0].strip() for one in headers.getlist("x-forwarded-host")]
        allowed = {*LOCAL_HOSTS, *([self._sign_in.address.host] if self._sign_in else [])}
        return all(host_name(name) in allowed for name in names)

    def _from_own_page(self, scope: Scope, headers: Headers) -> bool:
        """Return whether a request that names its page comes from a page of the studio.

        What a page loads, other than a link that is followed, also counts its Referer: where a proxy hides the name in
        the address bar, the page's program is so refused and says why. It would wait for its websocket otherwise.
        """
        pages = headers.getlist("origin")
        if not wants_html(headers):
            pages += headers.getlist("referer")
        return all(self._is_own(page, scope, headers) for page in pages)

    def _is_own(self, page: str, scope: Scope, headers: Headers) -> bool:
        """Return whether the URL or origin of a page is under the name of the request, or the public one.

        A proxy that hides its name may rewrite Origin too, to a local name; other sites on the visitor's machine that
        look so have no cookie. A page without encryption is another site than one with it, and not to be trusted.
        """
        scheme, name = page.partition("://")[0].lower(), authority(page)
        if self._sign_in and name in [f"{local}:{self._port}" for local in LOCAL_HOSTS]:
            return scheme in ("http", "https")
        public = [self._sign_in.address.authority] if self._sign_in else []
        schemes = ("https",) if _encrypted(scope) else ("http", "https")
        return scheme in schemes and name in [authority(f"http://{headers.get('host', '')}"), *public]

    async def _signed_in(self, sign_in: SignIn, scope: Scope, receive: Receive, headers: Headers) -> Response:
        """Return the answer to a sign-in form: the same page again, with a cookie if the password was right."""
        body = b""
        try:
            async for chunk in Request(scope, receive).stream():
                body += chunk
                if len(body) > FORM_BYTES:
                    break
        except ClientDisconnect:
            body = b""
        given = parse_qs(body[:FORM_BYTES].decode("utf-8", "replace")).get(FIELD, [""])[0]
        token = sign_in.open(given)
        if token is None:
            return sign_in_form(headers, scope["query_string"], wrong=True)
        # A reference to the same path, which leads nowhere else whatever the path is.
        again = {"location": "?" + scope["query_string"].decode("latin-1"), "cache-control": "no-store"}
        response = Response(status_code=303, headers=again)
        response.set_cookie(
            self._cookie,
            token,
            path=sign_in.address.path or "/",
            secure=_encrypted(scope) or headers.get("origin", "").startswith("https://"),
            httponly=True,
            samesite="lax",  # a link to the studio in a mail or a chat is not a stranger's
        )
        return response

    def _seconds_left(self, sign_in: SignIn, headers: Headers) -> float:
        """Return how long the session of a browser lasts, which may send several cookies with different paths."""
        pairs = (one.strip().partition("=") for line in headers.getlist("cookie") for one in line.split(";"))
        return max((sign_in.seconds_left(value) for name, _, value in pairs if name == self._cookie), default=0.0)

    def _to_prefix(self, scope: Scope, sign_in: SignIn) -> Response | None:
        """Return a redirect from /studio to /studio/: Streamlit's own would name the host that the proxy gave."""
        path, query = sign_in.address.path, scope["query_string"].decode("latin-1")
        if scope["type"] != "http" or not path or scope["path"] != path:
            return None
        again = f"{path}/?{query}" if query else f"{path}/"
        return Response(status_code=307, headers={"location": again, "cache-control": "no-store"})

    def _with_prefix(self, scope: Scope) -> Scope:
        """Return the scope with the path prefix, which some proxies remove and others keep."""
        if self._below(scope) != scope["path"]:
            return scope
        prefix = self._prefix()
        return {**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + scope.get("raw_path", b"")}

    def _below(self, scope: Scope) -> str:
        """Return the path of a request without the prefix."""
        path, prefix = str(scope["path"]), self._prefix()
        return path[len(prefix) :] if path.startswith(f"{prefix}/") else path

    def _prefix(self) -> str:
        return self._sign_in.address.path if self._sign_in else ""

    def _sender(self, scope: Scope, send: Send) -> Send:
        """Return a `send` that adds to Streamlit's headers, against frames on other sites and shared caches."""

        async def marked_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SAFE_HEADERS)
                if self._sign_in:  # nothing is kept by a cache that several people share
                    headers["cache-control"] = headers.get("cache-control", "no-store").replace("public", "private")
                    if _encrypted(scope):
                        message["headers"] = [_for_tls(name, value) for name, value in message["headers"]]
            await send(message)

        return marked_send


def _encrypted(scope: Scope) -> bool:
    """Return whether the browser's request was encrypted, as a proxy on this machine says in X-Forwarded-Proto."""
    return scope["scheme"] in ("https", "wss")


def _for_tls(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Return a header, for a cookie with Secure: Streamlit adds it only if it encrypts itself."""
    plain = name.lower() == b"set-cookie" and b"secure" not in value.lower().replace(b" ", b"").split(b";")
    return name, value + b"; Secure" if plain else value
