#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`knooppunt link`: a registration's rows put together, the same whatever their order and however many processors; rows that cannot be
used are told and stop nothing. What it reaches is in test_link_figures.py and test_link_cases.py.
"""
import csv
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["KNOOPPUNT_BIN"])
HEADER = "rec_id,bsn,voornamen,voorletters,voorvoegsel,geslachtsnaam,geslachtsnaam_partner,geboortedatum,geslacht,postcode,huisnummer,geboorteplaats"
ROWS = """\
a1,900000004,Vera,V.,van der,Verzonnen,,19751224,V,9999ZZ,7,Nergenshuizen
a2,,Veera,V.,,Verzonen,,19751224,V,9999ZZ,7,Nergenshuizen
a3,,,V.,van der,Verzonnen,,19751224,V,9999ZZ,7,
a4,900000004,Vera,V.,de,Bakker-Verzonnen,,19751224,V,1111AA,12,Nergenshuizen
b1,,Bram,B.,,Bedacht,,19930304,M,8888YY,3,Elders
b2,,Bram,B.,,Bedagt,,19930403,M,8888YY,3,Elders
c1,,Bas,B.,,Bedacht,,19930304,M,8888YY,3,Elders
d1,900000016,Vera,V.,van der,Verzonnen,,19751224,V,9999ZZ,7,
""".splitlines()
PERSONS = [{"a1", "a2", "a3", "a4"}, {"b1", "b2"}, {"c1"}, {"d1"}]  # c1 is the twin of b1, d1 has another number


class Link(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-e2e-", dir=os.environ.get("TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def link(self, *arguments, expect=0):
        done = subprocess.run([str(BIN / "knooppunt"), "link", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=120)
        self.assertEqual(done.returncode, expect, done.stderr + done.stdout)
        return done.stdout, done.stderr

    def write(self, rows, name="in.csv", header=HEADER):
        path = self.dir / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    def clusters(self, path):
        with open(path, newline="", encoding="utf-8") as file:
            found = {}
            for row in csv.DictReader(file):
                found.setdefault(row["cluster_id"], set()).add(row["rec_id"])
        return sorted(found.values(), key=min)

    def test_the_same_persons_in_every_order_and_by_any_number_of_processors(self):
        chance = random.Random(7)
        for threads in (1, 2, 5):
            for _ in range(7):
                rows = chance.sample(ROWS, len(ROWS))
                self.link(self.write(rows), "--out", self.dir / "out.csv", "--threads", threads)
                self.assertEqual(self.clusters(self.dir / "out.csv"), PERSONS)

    def test_pairs_are_graded(self):
        self.link(self.write(ROWS), "--out", self.dir / "out.csv", "--pairs", self.dir / "pairs.csv")
        with open(self.dir / "pairs.csv", newline="", encoding="utf-8") as file:
            pairs = {frozenset((row["rec_id_a"], row["rec_id_b"])): row for row in csv.DictReader(file)}
        self.assertEqual(pairs[frozenset(("a1", "a2"))]["grade"], "certain")
        self.assertEqual(pairs[frozenset(("b1", "c1"))]["bits"], "-1.00")  # related, and no more

    def test_being_written_the_same_is_not_being_the_same(self):
        rows = ["j1,,,J.,,Jansen,,,,,,", "k1,900000004,,,,,,,,,,", "v1,,Vera,V.,,Verzonnen,,19751224,,,,", "j2,,,J.,,Jansen,,,,,,",
                "v2,,Vera,V.,,Verzonnen,,19751224,,,,", "k2,900000004,,,,,,,,,,", "j3,,,J.,,Jansen,,,,,,"]
        self.link(self.write(rows), "--out", self.dir / "out.csv")
        self.assertEqual(self.clusters(self.dir / "out.csv"), [{"j1"}, {"j2"}, {"j3"}, {"k1", "k2"}, {"v1", "v2"}])

    def test_what_cannot_be_used_is_told_and_stops_nothing(self):
        rows = [ROWS[0], ",,Niemand", 'x1,,"open', ",,Geen,G.,,Nummer,,19800203,,,,", "a5,,Vera,V.,,Verzonnen,,24-dec-1975,V,9999ZZ,7,", ROWS[1]]
        out, told = self.link(self.write(rows), "--out", self.dir / "out.csv", "--json")
        figures = json.loads(out)
        self.assertEqual((figures["rows"], figures["persons"], figures["left_out"], figures["not_understood"]), (3, 1, 3, 1))
        for line, text in ((3, "left out: 3 fields where the header has 12"), (4, "left out: a quote"), (5, "left out: no rec_id"), (6, "geboortedatum is no")):
            self.assertIn(f"in.csv:{line}: {text}".replace(": left", ": the row is left"), told)

    def test_what_a_cell_cannot_be_is_told_with_its_line(self):
        rows = ["1,12,Bram,,,Bedacht,,,,,,", "2,900000005,Bram,,,Bedacht,,,,,,", "3,,Bram,,,Bedacht,,19990230,,,,", "4,,Bram,,,Bedacht,,,Q,,,",
                "5,,Bram,,,Bedacht,,,,,a7,", f"6,,{'x' * 200},,,Bedacht,,,,,,", "7,000000000,Bram,,,Bedacht,,00000000,X,99,7a,", "7,,Bas,,,Bedacht,,,,,,"]
        out, told = self.link(self.write(rows), "--out", self.dir / "out.csv", "--json")
        figures = json.loads(out)
        self.assertEqual((figures["rows"], figures["left_out"], figures["not_understood"]), (7, 1, 6))
        self.assertEqual([line.removeprefix(f"{self.dir}/") for line in told.splitlines()],
                         ["in.csv:2: bsn is not of nine digits: taken as not known", "in.csv:3: bsn fails the eleven test: it joins nobody",
                          "in.csv:4: geboortedatum is no day of the calendar: compared as it is written",
                          "in.csv:5: geslacht is not M, V or O: taken as not known",
                          "in.csv:6: huisnummer does not begin with a digit: taken as not known",
                          "in.csv:7: voornamen is longer than 199 bytes or has a NUL: not used",
                          "in.csv:9: the row is left out: line 8 has this rec_id already"])

    def test_a_gender_is_a_word_that_is_known(self):
        words = {"M": 1, "man": 1, "Mevrouw": 2, "mw": 2, "V": 2, "Vrouw": 2, "X": 3, "onbekend": 3}
        rows = [f"{number},,Robin,,,Bedacht,,19800203,{word},,," for number, word in enumerate([*words, "Monteur"])]
        out, told = self.link(self.write(rows), "--out", self.dir / "out.csv", "--json")
        self.assertEqual((json.loads(out)["forms"], json.loads(out)["not_understood"]), (3, 1))  # man, woman, not known
        self.assertIn("in.csv:10: geslacht is not M, V or O", told)

    def test_as_a_spreadsheet_writes_it(self):
        """Semicolons or tabs, a mark at the start, capitals in the header, a line break in a cell, dates as people write them, letters in the
        character set of the country."""
        rows = [['"Rec_ID"', "Voornamen", "GESLACHTSNAAM", "geboortedatum", "Notitie"], ["1", "Zoë", "Çelik", "19751224", '"een\ntwee"'],
                ["2", "Zoë", "Çelik", "24-12-1975", ""], ["3", "Zoë", "Çelik", "1975-12-24", ""], ["4", "Zoe", "Celik", "24.12.1975", ""]]
        for delimiter, encoding in ((";", "utf-8-sig"), ("\t", "latin-1"), (",", "utf-8"), (";", "latin-1")):
            path = self.dir / "in.csv"
            path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
            out, told = self.link(path, "--out", self.dir / "out.csv", "--json")
            figures = json.loads(out)
            self.assertEqual((told, figures["rows"], figures["forms"], figures["persons"]), ("", 4, 1, 1))
            self.assertEqual(self.clusters(self.dir / "out.csv"), [{"1", "2", "3", "4"}])

    def test_two_files_that_number_alike_are_not_mixed(self):
        one, two = self.write(ROWS[:2]), self.write([ROWS[4], "a1" + ROWS[6][2:]], name="two.csv")
        _, told = self.link(one, two, "--out", self.dir / "out.csv", expect=2)
        self.assertIn("two.csv:3: ", told)
        self.assertIn("in.csv:2 has this rec_id already; --by-file", told)
        self.assertFalse((self.dir / "out.csv").exists())
        self.link(one, two, "--by-file", "--out", self.dir / "out.csv")
        self.assertEqual(self.clusters(self.dir / "out.csv"), [{f"{one}:a1", f"{one}:a2"}, {f"{two}:a1"}, {f"{two}:b1"}])

    def test_nothing_is_written_over_but_an_earlier_result(self):
        good = self.write(ROWS)
        (self.dir / "alias.csv").symlink_to(good)
        (self.dir / "old.csv").write_text("an earlier result, longer than the new one\n" * 100)
        before = good.read_bytes()
        for arguments in ((good, "--out", good), (good, "--out", self.dir / "alias.csv"), (good, "--out", self.dir / "new.csv", "--pairs", good),
                          (good, "--out", self.dir / "new.csv", "--pairs", self.dir / "new.csv"), (good, self.dir / "alias.csv", "--by-file", "--out", self.dir / "new.csv"),
                          (good, "--out", self.dir / "old.csv", "--map", "bsn=nr"), (self.dir / "none.csv", "--out", self.dir / "new.csv")):
            self.link(*arguments, expect=1 if arguments[0] != good else 2)
            self.assertEqual(good.read_bytes(), before)
            self.assertFalse((self.dir / "new.csv").exists(), arguments)
        self.assertIn("earlier result", (self.dir / "old.csv").read_text())
        self.link(good, "--out", self.dir / "old.csv")
        self.assertEqual(self.clusters(self.dir / "old.csv"), PERSONS)

    def test_pairs_come_the_most_alike_first_whatever_the_order_of_rows(self):
        found = set()
        for rows in (ROWS, ROWS[::-1]):
            self.link(self.write(rows), "--out", self.dir / "out.csv", "--pairs", self.dir / "pairs.csv")
            found.add((self.dir / "pairs.csv").read_bytes())
        self.assertEqual(len(found), 1)
        with open(self.dir / "pairs.csv", newline="", encoding="utf-8") as file:
            pairs = [(-float(row["bits"]), row["rec_id_a"], row["rec_id_b"]) for row in csv.DictReader(file)]
        self.assertEqual(pairs, sorted(pairs))
        self.assertGreater(len(pairs), 5)

    def test_what_it_was_weighed_by_is_said(self):
        out, _ = self.link(self.write(ROWS[:1]), "--out", self.dir / "out.csv")
        self.assertEqual(out, "1 row is 1 person, written in 1 way\n0 pairs were compared, weighed by the shipped weights\n"
                              "(fewer than 500 ways of writing say too little to learn from)\n")

    def test_other_columns_and_two_files(self):
        one = self.write(["1, vera , verzonnen , 19751224, 9999ZZ, 7", '"2,b", bram , bedacht , 19930304, 8888YY, 3'],
                         header="nr, given_name, surname, date_of_birth, zip, street_number")
        two = self.write(["3, veera , verzonnen , 19751224, 9999ZZ, 7"], name="two.csv",
                         header="nr, given_name, surname, date_of_birth, zip, street_number")
        self.link(one, two, "--out", self.dir / "out.csv", "--map",
                  "rec_id=nr, voornamen = given_name,geslachtsnaam=surname,geboortedatum=date_of_birth,postcode=zip,huisnummer=street_number")
        self.assertEqual(self.clusters(self.dir / "out.csv"), [{"1", "3"}, {"2,b"}])

    def test_what_is_wrong_is_named(self):
        good = self.write(ROWS)
        old = self.dir / "m.csv"
        old.write_bytes("\r".join([HEADER, *ROWS]).encode())
        utf16 = self.dir / "u.csv"
        utf16.write_text("\n".join([HEADER, *ROWS]), encoding="utf-16")
        for arguments, text in (((self.dir / "none.csv", "--out", "o"), "none.csv"),
                                ((self.write(["1"], name="x.csv", header="nummer"), "--out", "o"), 'no column "rec_id"'),
                                ((self.write(["1"], name="y.csv", header="rec_id"), "--out", "o"), "nothing to match by"),
                                ((good, "--out", "o", "--map", "naam=x"), '"naam"'),
                                ((good, "--out", "o", "--map", "voornamen"), "OURS=THEIRS"),
                                ((good, "--out", "o", "--map", "bsn=nr"), '--map bsn=nr: there is no column "nr" in the header'),
                                ((good, "--out", "o", "--map", "bsn=x,bsn=y"), '"bsn" stands in it twice'),
                                ((good, "--out", "o", "--map", "bsn=x,voornamen=X"), '"X" stands in it twice'),
                                ((self.write(["1,2"], name="t.csv", header="rec_id,bsn,BSN"), "--out", "o"), 't.csv: the header has "bsn" twice'),
                                ((self.write([], name="h.csv"), "--out", "o"), "no row that can be used"),
                                ((self.write([], name="e.csv", header=""), "--out", "o"), "e.csv: the file is empty"),
                                ((utf16, "--out", "o"), "u.csv: the file is UTF-16"),
                                ((old, "--out", "o"), "m.csv: its lines end in CR alone"),
                                ((self.write([], name="w.csv", header=",".join(f"c{i}" for i in range(65))), "--out", "o"), "w.csv: the header cannot be read; it has at most 64 columns"),
                                ((good, "--out", "o", "--threads", "0"), "threads"),
                                ((good, "--out", self.dir / "no/where"), "no/where")):
            done = subprocess.run([str(BIN / "knooppunt"), "link", *map(str, arguments)], stderr=subprocess.PIPE, text=True, check=False, cwd=self.dir)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
