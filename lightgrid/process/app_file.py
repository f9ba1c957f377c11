"""Loading the user's file into this process, as running it as a script would.

In the flow it is `__main__`. In a work it is `__mp_main__`, and `__main__` is
another name for it: what was pickled as `__main__.X` is found, code under
`if __name__ == "__main__"` does not run again, and multiprocessing, which does
the same in its own children, goes on from there with fork and with spawn.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Final

from lightgrid.errors import AppLoadError
from lightgrid.frames import calls_user_code
from lightgrid.moving.notices import ignore_notices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

_WORK_NAME: Final = "__mp_main__"
#: Modules that were `__main__` before: a module that nobody holds loses its content.
_replaced: Final[list[ModuleType | None]] = []


def load_app_file(path: str, argv: Sequence[str] = ()) -> ModuleType:
    """Execute a file in the process of a flow, as `python path *argv` would.

    Args:
        path: As the user wrote it: it becomes `sys.argv[0]`.
        argv: What comes behind it.

    Raises:
        AppLoadError: There is no such file, or it cannot be read.
        SyntaxError: It is no Python.
        BaseException: Whatever its code raises. Show it with `user_trace`.
    """
    code_path = os.path.abspath(path)
    source = _read(path)
    sys.argv[:] = [path, *argv]
    _put_first_in_path(os.path.dirname(os.path.realpath(path)))
    module = _new_main("__main__", code_path)
    _replace_main(module)
    _execute(source, module)
    return module


def load_app_module(name: str, argv: Sequence[str] = ()) -> ModuleType:
    """Execute a module in the process of a flow, as `python -m name *argv` would.

    Args:
        name: A module, or a package with a module `__main__`.
        argv: What comes behind it.

    Raises:
        AppLoadError: There is no such module.
        BaseException: Whatever its code raises. Show it with `user_trace`.
    """
    _put_first_in_path(os.getcwd())
    spec = _find_module(name)
    assert spec.origin is not None
    source = _read(spec.origin)
    sys.argv[:] = [spec.origin, *argv]
    module = _new_main("__main__", spec.origin)
    module.__spec__, module.__package__ = spec, spec.parent
    _replace_main(module)
    _execute(source, module)
    return module


def find_module_file(name: str) -> tuple[str, str]:
    """Return the file of a module as `python -m` would find it, and its full name.

    Raises:
        AppLoadError: There is none.
    """
    _put_first_in_path(os.getcwd())
    spec = _find_module(name)
    assert spec.origin is not None
    return spec.origin, spec.name


def package_of(path: str) -> tuple[str, str] | None:
    """Return the name under which a file is a module of a package, and the folder to be in.

    None for a file that is in no package: whose folder has no `__init__.py`.
    """
    folder, base = os.path.split(os.path.abspath(path))
    names = [os.path.splitext(base)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    return None if len(names) == 1 else (".".join(names), folder)


def load_in_work(path: str | None, main_module: str | None = None) -> ModuleType:
    """Execute the app file in the process of a work.

    `sys.argv` and `sys.path` are to be set before.

    Args:
        path: The file; None when the app was made interactively: then `__main__`
            is an empty module.
        main_module: Its name, when the app was started by `python -m`.

    Raises:
        AppLoadError: As `load_app_file`.
        BaseException: As `load_app_file`.
    """
    ignore_notices()
    if path is None:
        module = ModuleType("__main__")
        _replace_main(module)
        return module
    module = _new_main(_WORK_NAME, path)
    if main_module is not None:
        # For relative imports. multiprocessing's children find the module by this spec.
        module.__spec__ = importlib.util.find_spec(main_module)
        module.__package__ = main_module.rpartition(".")[0]
    source = _read(path)
    _replace_main(module)
    sys.modules[_WORK_NAME] = module
    _execute(source, module)
    return module


def is_loaded_in_work() -> bool:
    """Tell whether this is a work, or a child that multiprocessing spawned.

    In both `app.run()` at the end of the app file is to do nothing.
    """
    # `import multiprocessing` alone makes that name another one for `__main__`.
    module = sys.modules.get(_WORK_NAME)
    return module is not None and module.__name__ == _WORK_NAME


def is_interactive() -> bool:
    """Tell whether a person types into this process: Python's prompt, IPython, a notebook."""
    return hasattr(sys, "ps1")


def find_app_file() -> tuple[str | None, str | None]:
    """Return the file of this process's `__main__`, and its name if `python -m` started it.

    Both are None where there is no file: in a notebook, in `python -c`.
    """
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if path is None or not os.path.isfile(path) or is_interactive():
        return None, None
    spec = getattr(main, "__spec__", None)
    return os.path.abspath(path), None if spec is None else spec.name


def _put_first_in_path(folder: str) -> None:
    if getattr(sys.flags, "safe_path", False) or not sys.path:
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder  # where our own command's folder is, or the working folder


def _find_module(name: str) -> ModuleSpec:
    spec = None
    try:
        if all(name.split(".")):  # else it is relative, and to nothing
            spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
            if spec is None:
                raise AppLoadError(
                    f"{name} is a package without a module __main__; name the module that makes "
                    f"the app, such as {name}.app"
                )
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # by an import in the package's own code
    if spec is None or spec.origin is None or not os.path.isfile(spec.origin):
        hint = f". Without -m it is a file: {name}" if os.path.isfile(name) else ""
        raise AppLoadError(f"no module named {name!r} in {os.getcwd()} or in sys.path{hint}")
    return spec


def _read(path: str) -> bytes:
    try:
        with io.open_code(os.path.abspath(path)) as stream:
            return stream.read()
    except OSError as error:
        raise AppLoadError(f"{path}: {error.strerror or error}") from None


def _new_main(name: str, path: str) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = path
    module.__spec__ = None
    module.__package__ = None
    module.__loader__ = SourceFileLoader(name, path)
    module.__dict__["__cached__"] = None
    module.__dict__["__builtins__"] = __builtins__
    return module


def _replace_main(module: ModuleType) -> None:
    _replaced.append(sys.modules.get("__main__"))
    sys.modules["__main__"] = module


@calls_user_code
def _execute(source: bytes, module: ModuleType) -> None:
    try:
        code = compile(source, str(module.__file__), "exec", dont_inherit=True)
    except ValueError as error:  # null bytes: no text
        raise AppLoadError(f"{module.__file__}: {error}") from None
    exec(code, module.__dict__)
