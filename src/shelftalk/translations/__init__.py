"""What shelftalk says to people, in English and Brazilian Portuguese."""
