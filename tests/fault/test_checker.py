#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The checker finds each lie, by its own name, and nothing in a history without one. Without this a silent checker would prove nothing."""
import copy
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import checker  # noqa: E402


def history():
    """Three batches of two, each sent twice the second time round a kill, and one receiver who is told again after it."""
    lines = [{"what": "session", "mailbox": "om", "acked": 0}]
    for i in range(3):
        names = [[f"r{i}{j}", 1, f"d{i}{j}"] for j in range(2)]
        lines.append({"what": "submitted", "partner": "om", "batch": f"b{i}", "signals": names})
        lines.append({"what": "receipted", "partner": "om", "batch": f"b{i}",
                      "lines": [[10 * i + j + 1, names[j][2]] for j in range(2)]})
        lines.append({"what": "delivered", "mailbox": "om", "seq": i + 1, "digest": f"e{i}",
                      "lines": [[10 * i + j + 1, names[j][0], 1, "NEW", 0] for j in range(2)]})
    lines += [{"what": "acked", "mailbox": "om", "seq": 2}, {"what": "session", "mailbox": "om", "acked": 2},
              copy.deepcopy(lines[-1]),  # the third event once more, the same
              {"what": "receipted", "partner": "om", "batch": "b2", "lines": [[31, "d20"], [32, "d21"]]},
              {"what": "delivered", "mailbox": "om", "seq": 4, "digest": "e3",
               "lines": [[31, "r20", 1, "DUPLICATE", 21], [32, "r21", 1, "DUPLICATE", 22]]},
              {"what": "acked", "mailbox": "om", "seq": 4}, {"what": "session", "mailbox": "om", "acked": 4},
              {"what": "complete", "mailbox": "om", "last": 4}]
    return lines


def at(lines, what, number=0):
    return [line for line in lines if line["what"] == what][number]


def lie_lost(lines):
    at(lines, "delivered", 4)["lines"].pop()


def lie_no_effect(lines):
    at(lines, "delivered")["lines"][0][3] = "HELD"


def lie_doubled(lines):
    at(lines, "delivered", 4)["lines"][0][3] = "NEW"


def lie_told_twice(lines):
    at(lines, "delivered", 4)["lines"].append([32, "r21", 1, "DUPLICATE", 22])


def lie_altered(lines):
    at(lines, "delivered", 3)["digest"] = "other"


def lie_missing(lines):
    """The receiver was not shown it, and its outcomes came in another event: only the sequence is missing."""
    for line in lines[lines.index(at(lines, "delivered", 4)):]:
        for name in ("seq", "acked", "last"):
            if name in line:
                line[name] += 1
    lines.insert(lines.index(at(lines, "delivered", 4)), {"what": "acked", "mailbox": "om", "seq": 4})
    lines.insert(lines.index(at(lines, "delivered", 4)), {"what": "session", "mailbox": "om", "acked": 4})


def lie_gap(lines):
    """Told again, but from the wrong place on."""
    at(lines, "session", 1)["acked"] = 1


def lie_reordered(lines):
    one, two = at(lines, "delivered", 0), at(lines, "delivered", 1)
    one["lines"], two["lines"] = two["lines"], one["lines"]


def lie_receipt_altered(lines):
    at(lines, "receipted", 3)["lines"][0][1] = "other"
    del at(lines, "delivered", 4)["lines"][:]


def lie_position_twice(lines):
    at(lines, "receipted", 3)["lines"][0][0] = 1
    at(lines, "delivered", 4)["lines"].pop(0)


def lie_moved(lines):
    at(lines, "delivered", 4)["lines"][0][1] = "r10"


def lie_invented(lines):
    at(lines, "delivered", 4)["lines"].append([33, "r99", 1, "DUPLICATE", 0])


def lie_refused_applied(lines):
    lines.insert(1, {"what": "submitted", "partner": "om", "batch": "bad", "signals": [["r77", 1, "d77"]]})
    lines.insert(2, {"what": "refused", "partner": "om", "batch": "bad", "code": 60})
    at(lines, "delivered", 4)["lines"].append([33, "r77", 1, "NEW", 0])


def lie_cursor_back(lines):
    lines.append({"what": "session", "mailbox": "om", "acked": 1})


def lie_cursor_ahead(lines):
    lines.append({"what": "session", "mailbox": "om", "acked": 5})


class TestChecker(unittest.TestCase):
    def names(self, lines):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            path = pathlib.Path(folder, "history")
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            return [name for name, _ in checker.check(path)[0]]

    def test_a_true_history(self):
        self.assertEqual(self.names(history()), [])

    def test_the_end_of_a_mailbox_is_missed(self):
        lines = history()
        at(lines, "complete")["last"] = 5
        self.assertEqual(self.names(lines), ["missing"])

    def test_an_empty_history(self):
        self.assertEqual(self.names([]), [])

    def test_each_lie_by_its_name(self):
        for name in checker.VIOLATIONS:
            with self.subTest(lie=name):
                lines = history()
                globals()["lie_" + name.replace("-", "_")](lines)
                found = self.names(lines)
                self.assertEqual(set(found), {name}, found)


if __name__ == "__main__":
    unittest.main()
