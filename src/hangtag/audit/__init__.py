"""The audit of a feed: what each brand's words mean, and which items they are wrong for."""
