"""The valid content of a config: each section has a model that defines its keys, ranges, defaults and documentation.

``validation`` checks a config against the models. ``documents`` makes the JSON schema and the tables of
``config/README.md`` from the models.
"""
