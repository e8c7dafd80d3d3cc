"""Find plugins and make their backends callable; only here and in ``hookspec`` is pluggy used."""
