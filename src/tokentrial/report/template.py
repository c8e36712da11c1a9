"""Placeholders: every number of the report is filled in by the run, and a slip in either direction fails the build."""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{\{\s*([a-z0-9_.]+)\s*\}\}")


class TemplateError(RuntimeError):
    """A placeholder without a value, or a value without a placeholder."""


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with each ``{{ name }}`` replaced; raises TemplateError on unresolved or unused names."""
    names = set(PLACEHOLDER.findall(template))
    missing, unused = sorted(names - values.keys()), sorted(values.keys() - names)
    if missing:
        raise TemplateError(f"placeholders without a value: {', '.join(missing)}")
    if unused:
        raise TemplateError(f"values that no placeholder uses: {', '.join(unused)}")
    return PLACEHOLDER.sub(lambda match: values[match[1]], template)


def escape(text: str) -> str:
    """Text that Typst shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\#$*_`<>@[]~" else letter for letter in text)
