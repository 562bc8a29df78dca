"""The generated parts of the documentation site: made from the code at each build, so that they cannot go stale."""
