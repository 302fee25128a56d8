"""Finds, in one syntax tree, everything that opens a socket or a process, whatever it is called there.

Kinds: network (sockets, listeners, clients), local (a socket in the file system, which no network reaches), lookup
(a name server is asked: the name itself leaves), pair (two sockets joined to each other), inherited (a socket made of a
descriptor that was handed in), process, native (code that the interpreter cannot see), dynamic (what is reached cannot
be read from the source).
"""

import ast
import sys

from checks.core import PACKAGE
from checks.syntax import dotted, running

# Modules whose import alone is an opener, with whatever is below them.
_MODULES = {
    "network": (
        "_socket _ssl http.client http.server urllib.request urllib.robotparser smtplib ftplib imaplib poplib nntplib "
        "telnetlib xmlrpc socketserver wsgiref logging.handlers asyncore asynchat"
    ),
    "process": "subprocess multiprocessing concurrent.futures pty webbrowser posix _posixsubprocess antigravity",
    "native": "ctypes _ctypes cffi _cffi_backend",
    "dynamic": "importlib builtins imp runpy code codeop pickle marshal shelve pkgutil pdb timeit logging.config",
}
# Other people's packages that do no input and output of their own, by a keep-list: any other is an opener.
_SANS_IO = ("h11", "wsproto", "cryptography")
# Names that open, on whatever object they are found (a loop, a context, a module under another name).
_ANYWHERE = {
    "network": (
        "open_connection open_unix_connection start_server create_connection create_server "
        "create_unix_connection create_datagram_endpoint sock_connect sock_accept start_tls "
        "connect_accepted_socket connect_read_pipe connect_write_pipe wrap_socket get_server_certificate fromfd "
        "fromshare create_default_https_context DatagramHandler SocketHandler SysLogHandler HTTPHandler SMTPHandler"
    ),
    "local": "start_unix_server create_unix_server",
    "lookup": "getaddrinfo gethostbyname gethostbyname_ex gethostbyaddr getnameinfo getfqdn",
    "pair": "socketpair",
    "process": (
        "create_subprocess_exec create_subprocess_shell subprocess_exec subprocess_shell forkpty posix_spawn "
        "posix_spawnp popen startfile ProcessPoolExecutor"
    ),
    "native": "dlopen CDLL PyDLL",
    "dynamic": "__subclasses__ __globals__ __builtins__ __getattribute__ __loader__ __import__ import_module",
}
# Names that open only as the member of a module: "module.name", compared with the last two parts.
_MEMBERS = {
    "network": "socket.socket socket.SocketType ssl.SSLSocket ssl.SSLObject",
    "process": (
        "os.system os.fork os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe os.spawnl "
        "os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe"
    ),
    "dynamic": (
        "sys.modules sys._getframe sys.meta_path sys.path_hooks operator.attrgetter operator.methodcaller "
        "gc.get_objects gc.get_referrers"
    ),
}
_BUILTINS = ("eval", "exec", "compile", "__import__", "globals", "locals", "__builtins__", "__loader__", "__spec__")
# Modules that hold openers beside harmless names: usable only as `module.name`, never passed on as a value.
_WATCHED = ("socket", "asyncio", "os", "ssl", "sys")
# Modules that other modules hold as a member: `from somewhere import subprocess` is the same module.
_BORROWED = {**dict.fromkeys(_WATCHED, "dynamic"), "subprocess": "process", "_socket": "network", "ctypes": "native"}


def _by_name(groups: dict[str, str]) -> dict[str, str]:
    return {name: kind for kind, names in groups.items() for name in names.split()}


_MODULE_KIND, _ANYWHERE_KIND, _MEMBER_KIND = _by_name(_MODULES), _by_name(_ANYWHERE), _by_name(_MEMBERS)


def openers(tree: ast.Module) -> list[tuple[int, str, str]]:
    """(line, kind, what) of each opener, by line."""
    found: set[tuple[int, str, str]] = set()
    names: dict[str, str] = {}  # local name -> what it was imported as
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(_import(node, names))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    inherited = {id(node.func) for node in calls if _takes_descriptor(node)}
    local = {id(node.func) for node in calls if _in_files(node)}
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in running(tree):
        kind, what = _expression(node, names, parents.get(id(node)))
        if kind == "network" and what.endswith("socket.socket"):
            kind = "inherited" if id(node) in inherited else "local" if id(node) in local else kind
        if kind:
            found.add((getattr(node, "lineno", 1), kind, what))
    return sorted(found)


def _import(node: "ast.Import | ast.ImportFrom", names: dict[str, str]) -> list[tuple[int, str, str]]:
    """What is wrong with an import; notes in `names` what each local name stands for."""
    found = []
    for alias in node.names:
        if isinstance(node, ast.Import):
            whole = alias.name
            stands_for = whole if alias.asname else whole.split(".")[0]
            kind = _module_kind(whole)
        else:
            whole = stands_for = f"{node.module or ''}.{alias.name}"
            kind = _module_kind(whole) or _path_kind(whole)
            if alias.name == "*":
                kind = "dynamic"
            elif not kind and whole != "asyncio.subprocess":
                kind = _BORROWED.get(alias.name, "")
        if kind:
            found.append((node.lineno, kind, f"imports {whole}"))
        local = alias.asname or stands_for.split(".")[-1]
        before = names.setdefault(local, stands_for)
        if before != stands_for and {before.split(".")[-1], stands_for.split(".")[-1]} & set(_BORROWED):
            found.append((node.lineno, "dynamic", f"{local} stands for two things in one file"))
    return found


def _module_kind(name: str) -> str:
    """The kind of a module that is an opener by itself; "" for a harmless one."""
    first = name.split(".")[0]
    known = first in sys.stdlib_module_names or first in (*_SANS_IO, PACKAGE)
    return _prefix_kind(name) or ("" if known else "network")


def _prefix_kind(name: str) -> str:
    parts = name.split(".")
    starts = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return next((_MODULE_KIND[start] for start in starts if start in _MODULE_KIND), "")


def _path_kind(path: str) -> str:
    """The kind of a dotted name that begins with a module; "" for a harmless one."""
    parts = path.split(".")
    return _MEMBER_KIND.get(".".join(parts[-2:])) or _ANYWHERE_KIND.get(parts[-1]) or ""


def _expression(node: ast.AST, names: dict[str, str], parent: "ast.AST | None") -> tuple[str, str]:
    """(kind, what) of one node that runs; ("", "") for a harmless one."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return _name(node, names, parent)
    if isinstance(node, ast.Attribute):
        return _attribute(node, names)
    if isinstance(node, ast.Call):
        return _call(node, names)
    return "", ""


def _name(node: ast.Name, names: dict[str, str], parent: "ast.AST | None") -> tuple[str, str]:
    if node.id not in names:
        aliased = node.id == "getattr" and not (isinstance(parent, ast.Call) and parent.func is node)
        return ("dynamic", node.id) if node.id in _BUILTINS or aliased else ("", "")
    whole = names[node.id]
    if whole.split(".")[-1] in _WATCHED and not isinstance(parent, ast.Attribute):
        if isinstance(parent, ast.Call) and _constant_getattr(parent) and parent.args[0] is node:
            return "", ""  # judged as the attribute that it names
        return "dynamic", f"passes on the module {whole}"
    return (_path_kind(whole), whole) if "." in whole else ("", "")


def _attribute(node: ast.Attribute, names: dict[str, str]) -> tuple[str, str]:
    whole = _resolve(node, names)
    if whole is not None:
        if "__dict__" in whole:
            return "dynamic", whole
        kind = _path_kind(whole) or _prefix_kind(whole) or _borrowed_kind(whole)
        if kind:
            return kind, whole
    return _ANYWHERE_KIND.get(node.attr, ""), f"….{node.attr}"


def _borrowed_kind(whole: str) -> str:
    """`x.socket` is the module socket, wherever it hangs; asyncio.subprocess is another, with constants in it."""
    parts = whole.removeprefix("asyncio.subprocess.").split(".")
    return next((_BORROWED[part] for part in parts[1:] if part in _BORROWED and whole != "asyncio.subprocess"), "")


def _call(node: ast.Call, names: dict[str, str]) -> tuple[str, str]:
    if _constant_getattr(node):
        constant = node.args[1]
        assert isinstance(constant, ast.Constant)
        member = ast.Attribute(node.args[0], str(constant.value), ast.Load())
        return _attribute(member, names)
    if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
        return "dynamic", "getattr with a computed name"
    if isinstance(node.func, ast.Name) and node.func.id == "vars" and not node.args:
        return "dynamic", "vars of everything"
    if isinstance(node.func, ast.Attribute) and node.func.attr == "__class__":
        return "dynamic", "calls the class of an object"
    inner = node.func
    if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "type":
        return "dynamic", "calls the type of an object"
    return "", ""


def _constant_getattr(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    )


def _takes_descriptor(node: ast.Call) -> bool:
    """`socket(fileno=…)` and nothing else: it wraps a socket that already exists."""
    return not node.args and [keyword.arg for keyword in node.keywords] == ["fileno"]


def _in_files(node: ast.Call) -> bool:
    """`socket(socket.AF_UNIX)`, or one of datagrams, and nothing else: it reaches names in the file system only."""
    words = [ast.unparse(one) for one in node.args]
    return words in (["socket.AF_UNIX"], ["socket.AF_UNIX", "socket.SOCK_DGRAM"]) and not node.keywords


def _resolve(node: ast.AST, names: dict[str, str]) -> str | None:
    """The dotted name with its first part as imported; None if it does not begin with an import."""
    whole = dotted(node)
    if whole is None:
        return None
    first, _, rest = whole.partition(".")
    return f"{names[first]}.{rest}" if first in names and rest else None
