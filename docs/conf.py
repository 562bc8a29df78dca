"""Settings of the documentation site; `make docs` builds it from the Markdown files of this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tools.docs_site

from shelftalk import __version__

project = "shelftalk"
author = "the shelftalk developers"
version = release = __version__
language = "en"

extensions = ["myst_parser", "tools.docs_site.extension"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4  # as on GitHub
myst_enable_extensions = ["attrs_inline"]
highlight_language = "none"  # most blocks are commands and their output together
add_module_names = False
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"shelftalk {version}"
html_logo = html_favicon = "../src/shelftalk/studio/icon.png"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {  # the studio's colours
    "light_css_variables": {
        "color-brand-primary": "#9a3412",
        "color-brand-content": "#9a3412",
        "color-brand-visited": "#7c2d12",
        "color-background-primary": "#fffdf9",
        "color-background-secondary": "#f5efe6",
        "color-background-border": "#d9cfc0",
    },
    "dark_css_variables": {
        "color-brand-primary": "#fdba74",
        "color-brand-content": "#fdba74",
        "color-brand-visited": "#fed7aa",
        "color-background-primary": "#1a1714",
        "color-background-secondary": "#28231e",
        "color-background-border": "#4a4138",
    },
}

navigation = {
    "Tutorial": ["tutorial/first_run", "tutorial/your_file", "tutorial/amazontitles"],
    "How-to guides": [
        "Install <install>",
        "how_to/own_file",
        "how_to/attributes",
        "how_to/questions",
        "how_to/export_to_import",
        "Choose settings and train faster <training>",
        "Describe a whole file <generate>",
        "Review texts <review>",
        "Publish accepted texts <publish>",
        "Keep house rules <house_rules>",
        "Write a dossier <dossier>",
        "A dossier in Portuguese <dossier/dossier>",
        "Export a run <export>",
        "Serve over HTTP <serving>",
        "The studio, page by page <guide>",
        "how_to/studio_elsewhere",
        "Use several machines <scale>",
        "how_to/resume",
        "Record a demonstration <recording>",
    ],
    "Reference": [
        "commands",
        "reference/commands",
        "reference/settings",
        "reference/presets",
        "Use the library <library>",
        "reference/python",
        "reference/http",
        "catalogue",
        "reference/files",
        "models",
        "security",
        "changelog",
    ],
    "Explanation": [
        "design",
        "Proof <evidence>",
        "experiments",
        "benchmarks",
        "claim_labels",
        "testing",
        "decisions",
    ],
}
subpages = {"benchmarks": ["benchmarks/*"]}
unlisted = ["decisions/"]
