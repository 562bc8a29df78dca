"""Streamlit's configuration for the studio, with the colours of its pages."""

from __future__ import annotations

from typing import Any

from shelftalk.hosts import LOOPBACK

UPLOAD_MEGABYTES = 500  # Streamlit holds an upload in memory; a larger file is given by its path

LOCAL_HOSTS = ["127.0.0.1", "localhost"]
INK = {"light": "#120d08", "dark": "#f3ece2"}  # captions use a lighter mix of it, which must be readable too
OPTIONS: dict[str, Any] = {
    "server.address": LOOPBACK,
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.enableCORS": True,
    "server.corsAllowedOrigins": [],
    "server.allowedHosts": LOCAL_HOSTS,
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.maxUploadSize": UPLOAD_MEGABYTES,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.showEmailPrompt": False,
    "server.headless": True,  # `launch` opens the browser
    "browser.gatherUsageStats": False,
    "browser.serverAddress": "127.0.0.1",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.disableDataExport": True,  # its CSV does not escape formulas; the history's own export does
    "client.toolbarMode": "viewer",
    "runner.magicEnabled": False,
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,  # forms are kept on purpose, see session.keep_forms
    "logger.level": "warning",
    "logger.hideWelcomeMessage": True,  # the command line has said the address
    "theme.light.primaryColor": "#9a3412",
    "theme.light.backgroundColor": "#fffdf9",
    "theme.light.secondaryBackgroundColor": "#f5efe6",
    "theme.light.textColor": INK["light"],
    "theme.light.linkColor": "#9a3412",
    "theme.light.borderColor": "#d9cfc0",
    "theme.dark.primaryColor": "#c2410c",
    "theme.dark.backgroundColor": "#1a1714",
    "theme.dark.secondaryBackgroundColor": "#28231e",
    "theme.dark.textColor": INK["dark"],
    "theme.dark.linkColor": "#fdba74",
    "theme.dark.borderColor": "#4a4138",
    "theme.baseRadius": "8px",
}
