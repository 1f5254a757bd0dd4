"""How a step tells the person at the keyboard what it is doing."""

from collections.abc import Callable

Say = Callable[[str], None]
