"""The dossier of a run: one document on its data, its training, its texts and their measures."""
