"""Libraries of the extra `report`, loaded when first needed."""

from importlib import import_module
from types import ModuleType

from .errors import MissingLibraryError

__all__ = ["load"]


def load(name: str) -> ModuleType:
    """Import a module of an optional library.

    Raises
    ------
    MissingLibraryError
        If it is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        library = name.partition(".")[0]
        raise MissingLibraryError(f"{library} is not installed; run `pip install 'minigrad[report]'`") from error
