"""Pages without Streamlit and without JavaScript: the sign-in form, and sentences for requests that are refused."""

from __future__ import annotations

import base64
import json
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from shelftalk.studio.options import OPTIONS
from shelftalk.translations.texts import LANGUAGES, nearest, texts

ICON = Path(__file__).with_name("icon.png")
FIELD = "password"
SAFE_HEADERS = {
    # A form could be sent nowhere else, and nothing is loaded; the style is in the page.
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}

PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · shelftalk</title>
<link rel="icon" href="data:image/png;base64,{icon}">
<style>
:root {{ {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  background: var(--background); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }}
main {{ width: 100%; max-width: 30rem; padding: 2rem; border: 1px solid var(--border);
  border-radius: {radius}; background: var(--panel); }}
img {{ display: block; width: 48px; height: 48px; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; margin: 1rem 0 .5rem; }}
p {{ margin: .5rem 0; overflow-wrap: anywhere; }}
label {{ display: block; margin-top: 1.25rem; font-weight: 600; }}
input {{ width: 100%; margin-top: .25rem; padding: .6rem .75rem; font: inherit; color: inherit;
  background: var(--background); border: 1px solid var(--text); border-radius: {radius}; }}
button {{ margin-top: 1rem; padding: .6rem 1.25rem; font: inherit; font-weight: 600; color: #fff;
  background: var(--primary); border: 0; border-radius: {radius}; cursor: pointer; }}
input:focus-visible, button:focus-visible {{ outline: 3px solid var(--link); outline-offset: 2px; }}
[role=alert] {{ padding: .6rem .75rem; border-left: 4px solid var(--link); background: var(--background); }}
</style>
</head>
<body>
<main>
<img src="data:image/png;base64,{icon}" alt="">
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
FORM = """<p id="where">{explanation}</p>
{problem}<form method="post">
<label for="password">{label}</label>
<input id="password" name="{field}" type="password" autocomplete="current-password" autocapitalize="none"
  spellcheck="false" required autofocus aria-describedby="{described}"{invalid}>
<button type="submit">{button}</button>
</form>"""

PROGRAM = """document.body.style.cssText = "max-width: 40rem; margin: 4rem auto; font: 1rem/1.5 system-ui";
document.body.textContent = {text};
"""


def sign_in_form(headers: Headers, query: bytes, wrong: bool = False) -> Response:
    """Return the form for the password with the status 401; after a `wrong` one with 403, and a sentence."""
    status = 403 if wrong else 401
    words = texts(_language(headers, query))
    if not wants_html(headers):
        return PlainTextResponse(words["sign_in.wrong" if wrong else "sign_in.explanation"], status, SAFE_HEADERS)
    alert = f'<p role="alert" id="problem">{escape(words["sign_in.wrong"])}</p>\n' if wrong else ""
    content = FORM.format(
        explanation=escape(words["sign_in.explanation"]),
        problem=alert,
        label=escape(words["sign_in.label"]),
        button=escape(words["sign_in.button"]),
        field=FIELD,
        described="problem where" if wrong else "where",
        invalid=' aria-invalid="true"' if wrong else "",
    )
    return _page(headers, query, status, words["sign_in.title"], content)


def refusal(headers: Headers, query: bytes, key: str, program: bool = False) -> Response:
    """Return an answer with the status 403 that says one of the studio's texts, and nothing of the request.

    In place of a `program` of a page it is one that shows the text there.
    """
    words = texts(_language(headers, query))
    if wants_html(headers):
        return _page(headers, query, 403, words["refused.title"], f"<p>{escape(words[key])}</p>")
    if program:  # browsers run none with another status than 200
        return Response(PROGRAM.format(text=json.dumps(words[key])), 200, SAFE_HEADERS, "text/javascript")
    return PlainTextResponse(words[key], 403, SAFE_HEADERS)


def wants_html(headers: Headers) -> bool:
    """Return whether a request is for a page, as links and forms are, and not for a part of one."""
    return "text/html" in headers.get("accept", "")


def _page(headers: Headers, query: bytes, status: int, title: str, content: str) -> Response:
    page = PAGE.format(
        language=_language(headers, query),
        title=escape(title),
        content=content,
        icon=_icon(),
        light=_colours("light"),
        dark=_colours("dark"),
        radius=OPTIONS["theme.baseRadius"],
    )
    return HTMLResponse(page, status, SAFE_HEADERS)


def _language(headers: Headers, query: bytes) -> str:
    """Return the language in the URL, as `language.current`, or else the browser's first one."""
    asked = parse_qs(query.decode("latin-1")[:2000]).get("lang", [""])[0]
    return asked if asked in LANGUAGES else nearest(headers.get("accept-language", "").partition(",")[0])


def _colours(theme: str) -> str:
    names = {"background": "backgroundColor", "panel": "secondaryBackgroundColor", "text": "textColor"}
    names |= {"border": "borderColor", "primary": "primaryColor", "link": "linkColor"}
    return " ".join(f"--{name}: {OPTIONS[f'theme.{theme}.{option}']};" for name, option in names.items())


@cache
def _icon() -> str:
    return base64.b64encode(ICON.read_bytes()).decode()
