#!/usr/bin/env python3
"""Writes the complete programs of docs/c-api.md to a folder: doc1.c, doc2.cpp, doc3.c.

usage: doc_programs.py docs/c-api.md FOLDER
"""
import pathlib
import re
import sys

text = pathlib.Path(sys.argv[1]).read_text()
programs = re.findall(r"^```(c|cpp)\n(.*?)^```$", text, flags=re.S | re.M)
assert [language for language, _ in programs] == ["c", "cpp", "c"], programs
for number, (language, program) in enumerate(programs, 1):
    pathlib.Path(sys.argv[2], f"doc{number}.{language}").write_text(program)
