"""Compares what examples/python/minke.py declares by hand with the public headers, as a C compiler reads them: sizes,
offsets, the names of all fields, enumerators, and how many arguments each function takes.

    MINKE_LIBRARY=build/libminke.so tests/examples/layout.py
"""
import pathlib
import re
import shlex
import os
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "python"))
sys.dont_write_bytecode = True
import minke  # noqa: E402

HEADERS = re.sub(r"/\*.*?\*/", "", "".join(p.read_text() for p in sorted((ROOT / "include/minke").glob("*.h"))), flags=re.S)
bad = []


def check(what, ours, theirs):
    if ours != theirs:
        bad.append(f"{what}: minke.py has {ours}, the headers {theirs}")


def expected_numbers():
    """Pairs of a C expression and the number that it must be."""
    for structure in minke.STRUCTURES:
        yield f"sizeof({structure.c_name})", minke.ctypes.sizeof(structure)
        for name, *_ in structure._fields_:
            field = getattr(structure, name)
            yield f"offsetof({structure.c_name}, {name})", field.offset
            yield f"sizeof((({structure.c_name} *)0)->{name})", field.size
    for event in minke.EventType:
        yield f"MINKE_EVENT_{event.name}", int(event)
    yield "MINKE_OK", minke.OK
    yield "MINKE_ERROR_AGAIN", minke.ERROR_AGAIN
    for name in ("minke_connection_t", "minke_stream_t"):
        yield f"sizeof({name})", minke.ctypes.sizeof(minke._id)


def compare_numbers():
    pairs = list(expected_numbers())
    lines = "".join(f'    printf("%ld\\n", (long)({expression}));\n' for expression, _ in pairs)
    source = f"#include <minke/minke.h>\n#include <stdio.h>\nint main(void)\n{{\n{lines}    return 0;\n}}\n"
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/layout"
        compiler = shlex.split(os.environ.get("CC", "cc"))
        command = [*compiler, "-std=c11", f"-I{ROOT}/include", "-x", "c", "-", "-o", program]
        subprocess.run(command, input=source, text=True, check=True)
        output = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    for (expression, ours), theirs in zip(pairs, output):
        check(expression, ours, int(theirs))
    return len(pairs)


def compare_names():
    """A field added in the padding, or an enumerator at the end, changes no number above."""
    for structure in minke.STRUCTURES:
        body = re.search(r"\{([^{}]*)\}\s*" + structure.c_name + ";", HEADERS).group(1)
        fields = [re.search(r"(\w+)\s*(\[.*\])?$", d.strip()).group(1) for s in body.split(";") for d in s.split(",") if d.strip()]
        check(f"fields of {structure.c_name}", [f[0] for f in structure._fields_], fields)
    body = re.search(r"\{([^{}]*)\}\s*minke_event_type_t;", HEADERS).group(1)
    check("enumerators of minke_event_type_t", [e.name for e in minke.EventType], re.findall(r"MINKE_EVENT_(\w+)", body))
    for name, (_, *arguments) in minke._FUNCTIONS.items():
        found = re.search(r"\b" + name + r"\(([^)]*)\);", HEADERS).group(1)
        check(f"arguments of {name}", len(arguments), 0 if found == "void" else found.count(",") + 1)


n = compare_numbers()
compare_names()
for line in bad:
    print(f"layout: {line}")
if bad:
    sys.exit(1)
print(f"layout: {n} sizes, offsets and values, and all names, are those of the headers")
