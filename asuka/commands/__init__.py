"""What the entry points do once their arguments are read; torch, which takes seconds, is imported here and below."""
