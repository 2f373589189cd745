"""``truyvet serve``, ``rebuild``, ``verify``: running it and looking after it."""
