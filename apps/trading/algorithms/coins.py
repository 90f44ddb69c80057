"""Find the coins that parameters name, wherever they name them."""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from apps.trading.algorithms.base import Coin


def coins_named(parameters: BaseModel) -> tuple[str, ...]:
    """Give each coin that a field of the type `Coin` names, also within lists, keys and models; in order, once."""
    return tuple(dict.fromkeys(_of_model(parameters)))


def _of_model(model: BaseModel) -> Iterator[str]:
    types = get_type_hints(type(model), include_extras=True)
    for name in type(model).model_fields:
        yield from _within(types[name], getattr(model, name))


def _within(type_: Any, value: Any) -> Iterator[str]:
    if type_ == Coin:
        if isinstance(value, str):
            yield value
    elif get_origin(type_) in (Union, UnionType):
        for each in get_args(type_):
            yield from _within(each, value)
    elif isinstance(value, BaseModel):
        yield from _of_model(value)
    elif get_origin(type_) is Annotated:
        yield from _within(get_args(type_)[0], value)
    elif isinstance(value, Mapping):
        keys, values = get_args(type_) or (Any, Any)
        for key, each in value.items():
            yield from _within(keys, key)
            yield from _within(values, each)
    elif isinstance(value, list | tuple | set | frozenset):
        types = [each for each in get_args(type_) if each is not Ellipsis] or [Any]
        for place, each in enumerate(value):
            yield from _within(types[min(place, len(types) - 1)], each)
