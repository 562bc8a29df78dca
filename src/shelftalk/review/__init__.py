"""What people decide on the texts of `generate`: accept, edit, reject."""
