"""What a config may hold: a model per section is the source of its keys, their ranges, defaults and documentation.

``validation`` checks a config against them, ``documents`` makes the JSON schema and the tables of ``config/README.md``.
"""
