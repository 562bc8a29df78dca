"""The settings of publishing: how the shop's file is read, and which format is written."""

from __future__ import annotations

from dataclasses import dataclass

from shelftalk.catalogue.settings import FileSettings
from shelftalk.settings import setting

FORMATS = ("shopify", "woocommerce", "google", "plain")


@dataclass(frozen=True)
class PublishSettings(FileSettings):
    """How the file of products is read, as `generate` read it, and the format that is written."""

    description_field: str | None = setting(
        None, "Column that holds the description; detected when it has a usual name.", optional=True
    )
    format: str = setting(
        "automatic",
        "What is written: a file for the importer of shopify or woocommerce, a supplemental feed for google, or the "
        "plain input with the column filled; automatic finds the shop in the input.",
        choices=("automatic", *FORMATS),
    )
