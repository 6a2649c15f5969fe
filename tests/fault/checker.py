#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Judges a history of what senders and receivers saw. It knows nothing of the hub: not its store, not its code, not its log.

    checker.py HISTORY        one line for each violation; exit 0 when there is none, 1 otherwise

A history is a file with one JSON object a line, written as it happened (class History). Kinds of lines, by "what":

    submitted  partner batch signals: [[reference, version, digest]]     the first time that a batch was sent
    receipted  partner batch lines: [[position, digest]]                 a receipt that verified
    refused    partner batch code                                        for good: the sender did not send it again
    session    mailbox acked                                             a Welcome: where the hub says the cursor is
    delivered  mailbox seq digest lines: [[position, reference, version, kind, first_position]]
    acked      mailbox seq
    complete   mailbox last                                              at the end the hub said that this is the last sequence

Every violation carries one of the names in VIOLATIONS; test_checker.py plants each of them.
"""
import collections
import json
import sys
import threading

EFFECTS = ("NEW", "REPLACES", "WITHDRAWN")
VIOLATIONS = {
    "lost": "receipted, and no outcome came for that position",
    "no-effect": "receipted, and no outcome says that it had an effect",
    "doubled": "more than one outcome says that it had an effect",
    "told-twice": "two events tell the outcome of one position",
    "altered": "one sequence of one mailbox with two contents",
    "missing": "a sequence that never came, although later ones did or the mailbox is said to be complete",
    "gap": "a delivery that is not the one after the delivery before it",
    "reordered": "outcomes of a mailbox not in the order of their positions",
    "receipt-altered": "a receipt with other digests than those that were sent",
    "position-twice": "one position receipted for two signals",
    "moved": "an outcome that names another signal than the receipt of that position",
    "invented": "an outcome of a signal that nobody submitted",
    "refused-applied": "an effect of what was only ever refused",
    "cursor-back": "a session whose cursor is before that of an earlier session",
    "cursor-ahead": "a session whose cursor is after all that was acknowledged: something was skipped",
}


class History:
    """Appended to by many threads; each line is on its way to the file before the call returns."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", encoding="utf-8")
        self.changed = threading.Condition()
        self.refused = []  # (partner, code, text): for whoever reads why
        self.count = collections.Counter()

    def add(self, what, **values):
        with self.changed:
            self.file.write(json.dumps({"what": what, **values}) + "\n")
            self.file.flush()
            self.count[what] += 1
            self.changed.notify_all()

    def close(self):
        self.file.close()


class Mailbox:
    def __init__(self):
        self.digests = {}
        self.last = None     # sequence of the delivery before, in this session
        self.cursor = 0      # the furthest that a Welcome said
        self.acked = 0       # the furthest that its receiver acknowledged
        self.first = None    # cursor of the first session: what was before it was not ours to see
        self.last_there = 0  # what its receiver waited for in the end
        self.position = 0


class Checker:
    def __init__(self):
        self.found = []
        self.sent = {}                                 # (partner, batch) -> [(reference, version, digest)]
        self.signals = set()                           # (partner, reference, version)
        self.refused, self.receipted = set(), set()    # the same
        self.positions = {}                            # position -> (partner, reference, version)
        self.told = {}                                 # position -> (mailbox, seq)
        self.outcomes = []                             # (position, key); judged at the end: a receipt may come after its outcome
        self.effects = collections.Counter()           # (partner, reference, version)
        self.boxes = collections.defaultdict(Mailbox)

    def wrong(self, name, text):
        assert name in VIOLATIONS, name
        self.found.append((name, text))

    def take(self, line):
        getattr(self, "on_" + line.pop("what"))(**line)

    # --- senders ---

    def on_submitted(self, partner, batch, signals):
        self.sent[partner, batch] = [tuple(one) for one in signals]
        self.signals.update((partner, one[0], one[1]) for one in signals)

    def on_receipted(self, partner, batch, lines):
        sent = self.sent.get((partner, batch), [])
        if [one[2] for one in sent] != [digest for _, digest in lines]:
            self.wrong("receipt-altered", f"{partner}: batch {batch}")
            return
        for (reference, version, _), (position, _) in zip(sent, lines):
            key = (partner, reference, version)
            if self.positions.setdefault(position, key) != key:
                self.wrong("position-twice", f"position {position}: {self.positions[position]} and {key}")
            self.receipted.add(key)

    def on_refused(self, partner, batch, code):
        del code
        self.refused.update((partner, one[0], one[1]) for one in self.sent.get((partner, batch), []))

    # --- receivers ---

    def on_session(self, mailbox, acked):
        box = self.boxes[mailbox]
        if box.first is None:
            box.first, box.cursor, box.acked = acked, acked, acked
        if acked < box.cursor:
            self.wrong("cursor-back", f"{mailbox}: {acked} after {box.cursor}")
        if acked > box.acked:
            self.wrong("cursor-ahead", f"{mailbox}: {acked}, acknowledged {box.acked}")
        box.cursor = max(box.cursor, acked)
        box.last = acked

    def on_acked(self, mailbox, seq):
        box = self.boxes[mailbox]
        box.acked = max(box.acked, seq)

    def on_complete(self, mailbox, last):
        self.boxes[mailbox].last_there = last

    def on_delivered(self, mailbox, seq, digest, lines):
        box = self.boxes[mailbox]
        if box.last is not None and seq != box.last + 1:
            self.wrong("gap", f"{mailbox}: {seq} after {box.last}")
        box.last = seq
        if seq in box.digests:
            if box.digests[seq] != digest:
                self.wrong("altered", f"{mailbox}: sequence {seq}")
            return  # told before: the same content says the same
        box.digests[seq] = digest
        for line in lines:
            self.take_outcome(mailbox, box, seq, *line)

    def take_outcome(self, mailbox, box, seq, position, reference, version, kind, first_position):
        del first_position
        key = (mailbox, reference, version)
        if position in self.told:
            self.wrong("told-twice", f"position {position}: {self.told[position]} and {(mailbox, seq)}")
        elif position < box.position:
            self.wrong("reordered", f"{mailbox}: position {position} at {seq}, after {box.position}")
        box.position = max(box.position, position)
        self.told[position] = (mailbox, seq)
        self.outcomes.append((position, key))
        if kind in EFFECTS:
            self.effects[key] += 1

    # --- the end ---

    def finish(self):
        for mailbox, box in self.boxes.items():
            seqs = set(box.digests)
            for seq in sorted(set(range((box.first or 0) + 1, max(box.last_there, *seqs, 0) + 1)) - seqs):
                self.wrong("missing", f"{mailbox}: sequence {seq}")
        for position, key in self.outcomes:
            if key not in self.signals:
                self.wrong("invented", f"{key} at position {position}")
            if self.positions.get(position, key) != key:
                self.wrong("moved", f"position {position}: {key}, receipted for {self.positions[position]}")
        for position, key in sorted(self.positions.items()):
            if position not in self.told:
                self.wrong("lost", f"position {position}: {key}")
        for key in sorted(self.receipted):
            if self.effects[key] == 0:
                self.wrong("no-effect", f"{key}")
        for key, count in sorted(self.effects.items()):
            if count > 1:
                self.wrong("doubled", f"{key}: {count} effects")
            if key in self.refused and key not in self.receipted:
                self.wrong("refused-applied", f"{key}")
        return self.found

    def figures(self):
        return (f"signals={len(self.signals)} receipted={len(self.receipted)} positions={len(self.positions)} "
                f"effects={sum(self.effects.values())} events={sum(len(box.digests) for box in self.boxes.values())}")


def check(path):
    """(violations, figures) of a history file."""
    checker = Checker()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            checker.take(json.loads(line))
    return checker.finish(), checker.figures()


def main():
    found, figures = check(sys.argv[1])
    for name, text in found:
        print(f"{name}: {text}")
    print(figures)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
