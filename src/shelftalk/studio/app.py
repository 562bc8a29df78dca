"""The studio's main script: Streamlit runs it each time it draws a page. `launch.py` starts it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from shelftalk import __version__
from shelftalk.studio import language, session
from shelftalk.studio.language import text
from shelftalk.studio.navigation import pages
from shelftalk.studio.options import INK, LOCAL_HOSTS
from shelftalk.studio.show import errors_shown
from shelftalk.translations.texts import LANGUAGES

ICON = Path(__file__).with_name("icon.png")  # browsers would download a named icon from Google

# A slider's value has the theme's button colour, which is too dark to read on a dark page.
STYLE = (
    "<style>[data-testid=stSliderThumbValue], [data-testid=stSliderThumbValue] * {{ color: {ink} !important; }}</style>"
)


def main() -> None:
    """Draw the frame, the language selection and the requested page."""
    st.set_page_config(page_title="shelftalk", page_icon=str(ICON), layout="wide")
    chosen = language.current()
    session.remember(language.STATE, chosen)
    session.keep_forms()
    st.logo(str(ICON), size="large")
    page = st.navigation(list(pages().values()))
    st.html(STYLE.format(ink=INK.get(st.context.theme.type or "light")))
    with st.sidebar:
        session.choose(language.STATE, text("app.language"), list(LANGUAGES), LANGUAGES.__getitem__)
        st.caption(
            text("app.local") if set(st.get_option("server.allowedHosts")) <= set(LOCAL_HOSTS) else text("app.public")
        )
        st.text(str(session.workspace().root))
        language.update_page(chosen, st.session_state.get("top", 0))
        st.caption(f"shelftalk {__version__}")
    st.title(page.title)
    with errors_shown():
        page.run()


main()
