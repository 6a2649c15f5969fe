# SPDX-License-Identifier: EUPL-1.2
"""Values that occur nowhere else in the world, and the search for them in whatever form they may have been written down.

Each kind of value has one length and one beginning, also when it is encoded. So a search is a few `bytes.find` for the beginnings
and a look into a set for the rest: exact, and as quick as reading.
"""
import base64
import os
import random

MARK = "Zwaqv"  # how every planted word begins
WORD_LETTERS = 14
BSN_FIRST = 975300000  # of the 9-series: of nobody


def passes_eleven_test(bsn):
    return sum(int(bsn[i]) * (9 - i) for i in range(8)) % 11 == int(bsn[8])


class Garden:
    """Everything that was planted: words (names, references, texts) and BSNs."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.words, self.bsns = set(), set()
        self.instead = {}

    def word(self):
        made = MARK + "".join(self.chance.choices("abcdefghijklmnopqrstuvwxyz", k=WORD_LETTERS - len(MARK)))
        if made in self.words:
            return self.word()
        self.words.add(made)
        return made

    def bsn(self, valid=True):
        made = str(BSN_FIRST + self.chance.randrange(100000))
        if made in self.bsns or passes_eleven_test(made) != valid:
            return self.bsn(valid)
        self.bsns.add(made)
        return made

    def replace(self, old):
        """The planted value that stands for @old, the same one each time."""
        if old not in self.instead:
            is_bsn = len(old) == 9 and old.isdigit()
            self.instead[old] = self.bsn(passes_eleven_test(old)) if is_bsn else self.word()
        return self.instead[old]

    def everything(self):
        return self.words | self.bsns


def base64_cores(value):
    """What @value looks like within the base64 of a longer text: three ways, by where it starts in a group of three."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + value)
        yield text[-(-before * 8 // 6):(before + len(value)) * 8 // 6]


def forms(value):
    """Every (name, folded, bytes) in which a value may be found; a folded one is looked for without regard to case."""
    yield "text", True, value.lower().encode()
    yield "utf-16", True, value.lower().encode("utf-16-le")[:-1]  # what little and big endian have in common
    for spelling, cased in (("as it is", value), ("lower", value.lower()), ("upper", value.upper())):
        yield f"hex, {spelling}", True, cased.encode().hex().encode()
        for at, core in enumerate(base64_cores(cased.encode())):
            yield f"base64+{at}, {spelling}", False, core


class Search:
    """Looks for all of @values at once."""

    def __init__(self, values):
        groups = {}
        for value in values:
            for name, folded, content in forms(value):
                # Two BSNs may look the same in base64, whose first and last letter hold other bytes too.
                groups.setdefault((name, folded, len(content)), {}).setdefault(content, set()).add(value)
        self.groups = [(name, folded, length, os.path.commonprefix(list(found)), found)
                       for (name, folded, length), found in groups.items()]
        short = [group[3] for group in self.groups if len(group[3]) < 3]
        assert not short, f"a beginning of {short}: no search but a look at every byte"

    def in_bytes(self, content):
        """{(value, form)} of what is in @content."""
        hits = set()
        lower = content.lower()
        for name, folded, length, beginning, known in self.groups:
            text = lower if folded else content
            at = text.find(beginning)
            while at >= 0:
                hits.update((value, name) for value in known.get(text[at:at + length], ()))
                at = text.find(beginning, at + 1)
        return hits

    def in_files(self, paths):
        """{path: hits} of the files that have any; a file's name counts as its content."""
        found = {path: self.in_bytes(os.fsencode(path) + b"\n" + path.read_bytes()) for path in paths}
        return {path: hits for path, hits in found.items() if hits}
