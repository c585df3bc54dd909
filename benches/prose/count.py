#!/usr/bin/env python3
"""Counts what makes the project hard to read: benches/prose/count.py [--list FIGURE] [DIR]

Figures, over src, rego, lab, docs, README.md, CONTRIBUTING.md and the Tasks:
  is-no      "is/are/was/were no X" ("there is no X", "is no longer" and "is no more" apart)
  stand      "stand" and "stands" ("stand-in", "standard" apart)
  what       doc comments whose summary begins with What, Whether or Who
  short      doc comments of one line with five words or fewer
  long       functions of more than 60 lines from the signature to the closing brace
  twice      names of structs, enums and traits declared more than once in one crate (Error and Args apart; code
             under #[cfg(test)] and files of tests left out)
--list prints each place. Nothing is refused here: tests/integration/prose.rs does that, file by file.
"""
import collections
import pathlib
import re
import sys

CRATES = {"promote": "src", "rego": "rego/src", "lab": "lab/src"}
PAGES = ["docs", "tasks", "pipelines", "policies", "install", "triggers", "rego"]
GENERATED = {"docs/cli.md"}
IS_NO = re.compile(r"\b(?:is|are|was|were) no ([a-z]+)", re.I)
STAND = re.compile(r"\bstands?\b(?!-in)", re.I)
FREE = re.compile(r"^(What|Whether|Who)\b")
NAME = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait) (\w+)")
FUNCTION = re.compile(r"^(\s*)(?:pub(?:\([^)]*\))? )?(?:default )?(?:const )?(?:async )?(?:unsafe )?fn (\w+)")


def texts(root):
    """Yields (path, number, line) of everything that a person reads."""
    files = [root / "README.md", root / "CONTRIBUTING.md"]
    for place in CRATES.values():
        files += sorted((root / place).rglob("*.rs"))
    for place in PAGES:
        for ending in ("*.md", "*.yaml"):
            files += sorted((root / place).rglob(ending))
    for path in dict.fromkeys(files):
        name = str(path.relative_to(root))
        if name in GENERATED or "tests/fixtures" in name or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            yield name, number, line


def prose(name, line):
    """The words of a line: a comment, the literals of a line of Rust, or a line of a page."""
    if not name.endswith(".rs"):
        return line
    stripped = line.lstrip()
    if stripped.startswith("//"):
        return stripped.lstrip("/!").strip()
    return " ".join(found for found in re.findall(r'"((?:[^"\\]|\\.)*)"', line) if len(found.split()) >= 3)


def phrases(root, found):
    for name, number, line in texts(root):
        words = prose(name, line)
        for match in IS_NO.finditer(words):
            before = words[: match.start()].rstrip().lower()
            if not before.endswith("there") and match.group(1) not in ("longer", "more"):
                found["is-no"].append(f"{name}:{number}: {words.strip()}")
        for match in STAND.finditer(words):
            found["stand"].append(f"{name}:{number}: {words.strip()}")


def sources(root):
    for crate, place in CRATES.items():
        for path in sorted((root / place).rglob("*.rs")):
            yield crate, str(path.relative_to(root)), path.read_text().splitlines()


def comments(root, found):
    for _, name, lines in sources(root):
        block = []
        for number, line in enumerate(lines + [""], 1):
            stripped = line.strip()
            if re.match(r"//[/!](?!/)", stripped):
                block.append(stripped[3:].strip())
                continue
            if block:
                first = number - len(block)
                if FREE.match(block[0]):
                    found["what"].append(f"{name}:{first}: {block[0]}")
                if len(block) == 1 and len(block[0].split()) <= 5:
                    found["short"].append(f"{name}:{first}: {block[0]}")
            block = []


def functions(root, found):
    for _, name, lines in sources(root):
        at = 0
        while at < len(lines):
            match = FUNCTION.match(lines[at])
            if match:
                closing = match.group(1) + "}"
                end = next((i for i in range(at, len(lines)) if lines[i].rstrip() == closing), at)
                if ";" not in lines[at].split("//")[0] and end - at + 1 > 60:
                    found["long"].append(f"{name}:{at + 1}: {match.group(2)} has {end - at + 1} lines")
            at += 1


def declared(root, found):
    for crate in CRATES:
        places = collections.defaultdict(list)
        for owner, name, lines in sources(root):
            if owner != crate or name.endswith("tests.rs") or "/tests/" in name:
                continue
            for number, line in enumerate(lines, 1):
                if line.strip().startswith("mod tests {"):
                    break
                match = NAME.match(line)
                if match and match.group(1) not in ("Error", "Args"):
                    places[match.group(1)].append(f"{name}:{number}")
        for word, where in sorted(places.items()):
            if len(where) > 1:
                found["twice"].append(f"{crate}: {word}: {' '.join(where)}")


def main():
    arguments = sys.argv[1:]
    listed = None
    if arguments[:1] == ["--list"]:
        listed, arguments = arguments[1], arguments[2:]
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parents[2])
    found = {figure: [] for figure in ("is-no", "stand", "what", "short", "long", "twice")}
    for count in (phrases, comments, functions, declared):
        count(root, found)
    if listed:
        print("\n".join(found[listed]))
        return
    for figure, places in found.items():
        print(f"{figure:6} {len(places)}")


main()
