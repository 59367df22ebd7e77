"""Prepares a header for Doxygen, line by line, so that warnings name the true lines.

  * the comment at the head of a file becomes the documentation of the file;
  * what lies in a namespace detail inside a public header is hidden;
  * defaulted and deleted members are hidden: what the compiler writes needs no words;
  * a member right below one of the same name (or * below ->, end below begin) shares its comment.
"""

import re
import sys

HIDE, SHOW = "/** \\cond */", "/** \\endcond */"
UNTOLD = re.compile(r"\)[^;{}()]*= (default|delete);")
DECLARED = re.compile(r"^ {4}(?! )(?!friend (?:class|struct)|using|static_assert).*?"
                      r"(operator ?(?:\(\)|bool|[^\s\w(]+)|\b(?!noexcept|requires|explicit|decltype|template)\w+)\(")
HEAD = re.compile(r"^ +(template <|requires)")
SAME = {"operator->": "access", "operator*": "access", "begin": "iterate", "end": "iterate"}


def filtered(lines):
    out, head, hidden, comment, shared, name = [], True, 0, [], [], None
    for line in lines:
        stripped = line.strip()
        if head:
            head = line.startswith("//")
            out.append("///" + line[2:].replace("@", "\\@") if head else "/// \\file")  # instead of #pragma once
            continue
        if stripped == "namespace detail {":
            line, hidden = HIDE + " " + line, len(out)
        elif hidden and (line.startswith("}  // namespace detail") or line == "}" and len(out) == hidden + 2):
            line, hidden = line + " " + SHOW, 0
        elif UNTOLD.search(line) and not stripped.startswith("//"):
            line, above = "", len(out) - 1
            while HEAD.match(out[above]):  # or it would belong to the next declaration
                out[above], above = "", above - 1
        if stripped.startswith("///"):
            comment.append(stripped[3:])
        elif not stripped:
            comment, shared, name = [], [], None
        elif match := DECLARED.match(line):
            declared = SAME.get(match[1], match[1])
            if comment:
                shared, name = comment, declared
            elif declared == name and shared:
                line = "/**" + " ".join(shared) + " */ " + line
            else:
                shared, name = [], None
            comment = []
        out.append(line)
    return out


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write("\n".join(filtered(file.read().split("\n"))))
