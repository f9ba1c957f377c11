"""Sending the classes of test modules to works.

A work's process loads its code by name, but a test's module is no module that
another process could import: pytest makes it, under a name of its own, with its
assertions rewritten. And the `__main__` of such a process is pytest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType

from lightgrid.component.component import Component
from lightgrid.component.node import node_of


@contextmanager
def travelling_by_value(root: Component) -> Iterator[None]:
    """Have what no other process can import be pickled by value meanwhile.

    That is what `__main__` holds, as in a notebook, the test modules that pytest has
    loaded, and the modules of the classes of an app's components that are not found in `sys.path`.
    """
    import cloudpickle

    classes = {type(node.component) for node in node_of(root).walk()}
    own = {kind.__module__ for one in classes for kind in one.__mro__}
    registered = []
    for name, module in tuple(sys.modules.items()):
        if name == "__main__" or name in cloudpickle.list_registry_pickle_by_value():
            continue
        if _is_test_module(module) or (name in own and not _is_importable(module)):
            cloudpickle.register_pickle_by_value(module)
            registered.append(module)
    main = sys.modules["__main__"]
    # Without a file it is taken for interactive: its content travels, it is not loaded again.
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)


def _is_test_module(module: ModuleType) -> bool:
    if not type(getattr(module, "__loader__", None)).__module__.startswith("_pytest."):
        return False
    # pytest loads its plugins so too, and these can be imported anywhere.
    return f"{os.sep}site-packages{os.sep}" not in (getattr(module, "__file__", None) or "")


def _is_importable(module: ModuleType) -> bool:
    """Tell whether a process with the same `sys.path` finds this module by its name."""
    path = None
    spec = None
    name = ""
    for part in module.__name__.split("."):
        name = f"{name}.{part}" if name else part
        if name in sys.builtin_module_names:
            return True
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return spec is not None and spec.origin == getattr(module, "__file__", None)
