"""Prints a program in C that compiles where the header's structures lie in memory as those of the package do."""

import ctypes

from longshore import _library


def same(name, condition):
    # An array cannot have fewer elements than none.
    print(f"extern char {name}[{condition} ? 1 : -1];")


print("#include <longshore.h>")
for structure in ctypes.Structure.__subclasses__():
    if structure.__module__ == _library.__name__:
        short, long = structure.__name__.lower(), f"longshore_{structure.__name__.lower()}"
        same(short, f"sizeof({long}) == {ctypes.sizeof(structure)}")
        for member, *_ in structure._fields_:
            place = getattr(structure, member)
            size = f"sizeof((({long} *)0)->{member}) == {place.size}"
            same(f"{short}_{member}", f"offsetof({long}, {member}) == {place.offset} && {size}")
print("int main(void) { return 0; }")
