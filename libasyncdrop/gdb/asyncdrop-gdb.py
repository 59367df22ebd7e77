"""Shows guards of libasyncdrop in gdb, and what is alive.

    (gdb) source /usr/share/asyncdrop/gdb/asyncdrop-gdb.py      # or from ~/.gdbinit
    (gdb) print file
    $1 = AsyncDropGuard<File> armed, made at main.cpp:12 = {path_ = "a"}
    (gdb) asyncdrop-live                                        # what the registry lists, the oldest first

Reads memory only and calls nothing in the program, so it works on a core file, too. Knows the standard library of g++
(libstdc++).
"""

import gdb
import gdb.printing

STATES = ("empty", "armed", "dropping", "running", "dropped")
INLINE, BOX, ARC = "AsyncDropGuard", "AsyncDropBox", "AsyncDropArc"


def core_of(owner):
    """The HandleCore of a guard, box or Arc, or None."""
    found = [field for field in owner.type.strip_typedefs().fields() if field.name == "core_"]
    if found:
        return owner["core_"]
    for field in owner.type.strip_typedefs().fields():
        if field.is_base_class:
            core = core_of(owner[field])
            if core is not None:
                return core
    return None


def text_of(pointer):
    """A string literal of the program."""
    try:
        return pointer.string(errors="replace") if int(pointer) else "<unknown>"
    except gdb.MemoryError:
        return "<unreadable>"


def state_of(core):
    return STATES[int(core["state_"])]


def place_of(core):
    """While a cleanup runs, its coroutine keeps the name of the file."""
    file = core["run_"]["file_"] if state_of(core) == "running" else core["file_"]
    line = int(core["line_"])
    return f"{text_of(file)}:{line}" if line else "an unknown place"


def short(type_):
    """AsyncDropGuard<File> of asyncdrop::AsyncDropGuard<File>."""
    return str(type_.strip_typedefs().unqualified()).removeprefix("asyncdrop::")


class OwnerPrinter:
    """A guard, a box or an Arc: its state, where its resource was made, and the resource itself if it is alive."""

    def __init__(self, value):
        self.value = value
        self.core = core_of(value)

    def to_string(self):
        if self.core is None:
            return short(self.value.type)
        state = state_of(self.core)
        name = short(self.value.type)
        if state in ("empty", "dropped"):
            return f"{name} {state}"
        doing = "its cleanup is running" if state in ("dropping", "running") else state
        pinned = ", borrowed by a teardown graph" if int(self.core["flags_"]) & 4 else ""
        return f"{name} {doing}, made at {place_of(self.core)}{pinned}"

    def children(self):
        if self.core is None or state_of(self.core) in ("empty", "dropped"):
            return
        try:
            value = self.value["value_"]  # inside a guard; a pointer in a box and in an Arc
        except gdb.error:
            return
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR and int(value):
            value = value.dereference()
        yield "value", value


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("asyncdrop")
    for name in (INLINE, BOX, ARC):
        collection.add_printer(name, rf"^asyncdrop::{name}<.*>$", OwnerPrinter)
    return collection


def entries_of(table):
    """The values of a std::unordered_map of libstdc++."""
    hashtable = table["_M_h"]
    kind = gdb.lookup_type(f"{hashtable.type.strip_typedefs()}::__node_type").strip_typedefs()
    node = hashtable["_M_before_begin"]["_M_nxt"]
    while int(node):
        item = node.cast(kind.pointer()).dereference()
        pair = item["_M_storage"].address.cast(kind.template_argument(0).pointer()).dereference()
        yield pair["second"]
        node = item["_M_nxt"]


def view_text(view):
    return view["_M_str"].string(length=int(view["_M_len"]), errors="replace")


def string_text(string):
    return string["_M_dataplus"]["_M_p"].string(length=int(string["_M_string_length"]), errors="replace")


def live_lines(registry):
    """One line for each live guard, the oldest first."""
    for entry in sorted(entries_of(registry["guards_"]), key=lambda entry: int(entry["number"])):
        name = string_text(entry["name"])
        site = entry["site"]
        line = view_text(entry["type"]) + (f' "{name}"' if name else "")
        yield line + f", created at {text_of(site['file_'])}:{int(site['line_'])}" + (
            ", dropping" if entry["dropping"] else "")


class Live(gdb.Command):
    """asyncdrop-live: the live guards that the program's registry lists, the oldest first."""

    def __init__(self):
        super().__init__("asyncdrop-live", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if argument.strip():
            raise gdb.GdbError("asyncdrop-live takes no arguments")
        try:
            registry = gdb.parse_and_eval("asyncdrop::detail::GuardRegistry::known_")
        except gdb.error:
            registry = None
        if registry is None or not int(registry) or not registry["on_"]:
            raise gdb.GdbError("the registry is not on: the program calls asyncdrop::set_guard_registry(true) for that")
        lines = list(live_lines(registry.dereference()))
        print("\n".join(lines) if lines else "no guard is alive")


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
Live()
