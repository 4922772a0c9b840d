"""Doing several things at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Iterable, TypeVar

T = TypeVar("T")


def together(functions: Iterable[Callable[[], T]]) -> list[T]:
    """Call all of them at once, each in a thread, and give what they return, in their order."""
    calls = list(functions)
    if not calls:
        return []
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
