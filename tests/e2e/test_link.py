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
        rows = [ROWS[0], ",,Niemand", 'x1,,"open', ",,Geen,G.,,Nummer,,19800203,,,,", "a5,,Vera,V.,,Verzonnen,,24-12-1975,V,9999ZZ,7,", ROWS[1]]
        out, told = self.link(self.write(rows), "--out", self.dir / "out.csv", "--json")
        figures = json.loads(out)
        self.assertEqual((figures["rows"], figures["persons"], figures["faults"]), (3, 1, 4))
        for line, text in ((3, "not as many fields"), (4, "quote"), (5, "no rec_id"), (6, "geboortedatum")):
            self.assertRegex(told, rf"(?m)in\.csv:{line}: .*{text}")

    def test_other_columns_and_two_files(self):
        one = self.write(["1, vera , verzonnen , 19751224, 9999ZZ, 7", '"2,b", bram , bedacht , 19930304, 8888YY, 3'],
                         header="nr, given_name, surname, date_of_birth, zip, street_number")
        two = self.write(["3, veera , verzonnen , 19751224, 9999ZZ, 7"], name="two.csv",
                         header="nr, given_name, surname, date_of_birth, zip, street_number")
        self.link(one, two, "--out", self.dir / "out.csv", "--map",
                  "rec_id=nr,voornamen=given_name,geslachtsnaam=surname,geboortedatum=date_of_birth,postcode=zip,huisnummer=street_number")
        self.assertEqual(self.clusters(self.dir / "out.csv"), [{"1", "3"}, {"2,b"}])

    def test_what_is_wrong_is_named(self):
        good = self.write(ROWS)
        for arguments, text in (((self.dir / "none.csv", "--out", "o"), "none.csv"),
                                ((self.write(["1"], name="x.csv", header="nummer"), "--out", "o"), 'no column "rec_id"'),
                                ((self.write(["1"], name="y.csv", header="rec_id"), "--out", "o"), "nothing to match by"),
                                ((good, "--out", "o", "--map", "naam=x"), '"naam"'),
                                ((good, "--out", "o", "--map", "voornamen"), "OURS=THEIRS"),
                                ((good, "--out", "o", "--threads", "0"), "threads"),
                                ((good, "--out", self.dir / "no/where"), "no/where")):
            done = subprocess.run([str(BIN / "knooppunt"), "link", *map(str, arguments)], stderr=subprocess.PIPE, text=True, check=False, cwd=self.dir)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
