"""Make a form of a rule's parameters: a typed field for each, from the schema that the API shows too.

The fields only tell text from numbers and lists; what is accepted is for the rule itself to say, so that a
form and the API refuse the same things in the same words.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.html import escape
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.trading.algorithms.base import Algorithm
from apps.trading.services.algorithms import complete
from ohmycoins.core.errors import Invalid
from ohmycoins.core.money import plain

Schema = dict[str, Any]
BOUNDS = {
    "minimum": "at least {}", "exclusiveMinimum": "above {}", "maximum": "at most {}",
    "exclusiveMaximum": "below {}", "minItems": "at least {} of them", "maxItems": "at most {} of them",
    "minProperties": "at least {} of them", "maxProperties": "at most {} of them",
}  # fmt: skip


class ListField(forms.CharField):
    """Several values in a line, separated by commas."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [part.strip() for part in (super().to_python(value) or "").split(",") if part.strip()]


class TableField(forms.CharField):
    """A line for each name and its value, such as `BTC: 0.5`."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return "\n".join(f"{name}: {each}" for name, each in value.items())

    def to_python(self, value: Any) -> Any:
        table: dict[str, str] = {}
        for line in (super().to_python(value) or "").splitlines():
            if not line.strip():
                continue
            name, colon, each = (part.strip() for part in line.partition(":"))
            if not (colon and name and each):
                raise forms.ValidationError(
                    f"{line!r}: expected a name, a colon and a value, such as BTC: 0.5"
                )
            if name in table:
                raise forms.ValidationError(f"{name} is there twice")
            table[name] = each
        return table


class ParametersForm(forms.Form):
    """The parameters of one rule; once it is valid, `parameters` has them complete."""

    parameters: Schema

    def __init__(self, data: Any = None, *, rule: Algorithm, stored: Schema | None = None) -> None:
        self.rule = rule
        schema = rule.parameters.model_json_schema()
        defaults = {name: each.get("default") for name, each in schema["properties"].items()}
        super().__init__(data, prefix="parameters", initial=defaults | (stored or {}))
        required = schema.get("required", ())
        for name, each in schema["properties"].items():
            self.fields[name] = _field(name, each, schema.get("$defs", {}), required=name in required)

    def clean(self) -> Schema:
        cleaned: Schema = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            self.parameters = complete(self.rule.slug, _given(cleaned))
        except Invalid as error:
            wrong = error.detail["parameters"] if error.detail else {"": error.message}
            for path, message in wrong.items():
                name, _, inner = path.partition(".")
                said = f"{inner}: {message}" if inner else message
                self.add_error(name if name in self.fields else None, said)
        return cleaned


def _given(cleaned: Schema) -> Schema:
    """Give what was filled in as the API would be given it."""
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in cleaned.items()
        if value is not None and value != ""
    }


def _field(name: str, schema: Schema, defs: Schema, *, required: bool) -> forms.Field:
    options = [_resolved(each, defs) for each in schema.get("anyOf") or schema.get("allOf") or [schema]]
    optional = any(each.get("type") == "null" for each in options)
    options = [each for each in options if each.get("type") != "null"]
    # A decimal is a number or a text in JSON: the number has the bounds.
    chosen = next((each for each in options if each.get("type") in ("integer", "number")), options[0])
    if chosen.get("type") in ("array", "object"):
        required = bool(chosen.get("minItems") or chosen.get("minProperties"))
    else:  # what is cleared would take its default again, unseen: only where that is nothing may it be empty
        required = not optional and (required or schema.get("default") not in (None, ""))
    field = _typed(chosen, {"required": required})
    field.label = name.replace("_", " ")
    field.help_text = escape(_explained(schema, chosen))
    return field


def _typed(schema: Schema, more: Schema) -> forms.Field:
    if accepted := schema.get("enum") or ([schema["const"]] if "const" in schema else None):
        return forms.ChoiceField(
            choices=[(each, each) for each in accepted], widget=UnfoldAdminSelectWidget, **more
        )
    if schema.get("type") == "boolean":
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **(more | {"required": False}))
    if schema.get("type") in FIELDS:
        return FIELDS[schema["type"]](schema, more)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, **more)


def _integer(schema: Schema, more: Schema) -> forms.Field:
    attrs = {"min": schema.get("minimum"), "max": schema.get("maximum"), "step": 1}
    return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget(attrs=_told(attrs)), **more)


def _number(schema: Schema, more: Schema) -> forms.Field:
    attrs = {"min": schema.get("minimum"), "max": schema.get("maximum"), "step": "any"}
    return forms.DecimalField(widget=UnfoldAdminDecimalFieldWidget(attrs=_told(attrs)), **more)


def _array(schema: Schema, more: Schema) -> forms.Field:
    return ListField(widget=UnfoldAdminTextInputWidget, **more)


def _object(schema: Schema, more: Schema) -> forms.Field:
    return TableField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), **more)


FIELDS: dict[str, Callable[[Schema, Schema], forms.Field]] = {
    "integer": _integer, "number": _number, "array": _array, "object": _object,
}  # fmt: skip


def _resolved(schema: Schema, defs: Schema) -> Schema:
    """Follow a reference to where the schema is spelled out."""
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return dict(defs[name]) if name else schema


def _told(attrs: Schema) -> Schema:
    """Keep what is said, numbers as people write them."""
    return {name: _written(value) for name, value in attrs.items() if value is not None}


def _written(value: Any) -> str:
    return plain(Decimal(str(value))) if isinstance(value, int | float) else str(value)


def _explained(schema: Schema, chosen: Schema) -> str:
    """Say what a parameter means, what it may be, and what it is when left alone."""
    bounds = [words.format(_written(chosen[key])) for key, words in BOUNDS.items() if key in chosen]
    parts = [schema.get("description", "")]
    if bounds:
        parts.append(", ".join(bounds).capitalize() + ".")
    if chosen.get("type") == "array":
        parts.append("Separated by commas.")
    if chosen.get("type") == "object":
        parts.append("One a line, such as BTC: 0.5.")
    default = schema.get("default")
    if isinstance(default, str | int | float) and not isinstance(default, bool) and default != "":
        parts.append(f"Default: {default}.")
    return " ".join(part for part in parts if part)
