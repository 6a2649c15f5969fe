#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What `knooppunt link` reaches at its shipped defaults, on the sets with a known answer that TEST_DATA_DIR holds (linkage/dutch_synth,
linkage/febrl, linkage/brp_testpersons). Below a figure here the test fails; skipped where a set is not there.

check: not under tsan: figures, not memory; test_link.py runs the same code there
check: not under asan: likewise
"""
import collections
import csv
import itertools
import os
import pathlib
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["KNOOPPUNT_BIN"])
DATA = pathlib.Path(os.environ.get("TEST_DATA_DIR", "none"), "linkage")
FEBRL = ("rec_id=rec_id,voornamen=given_name,geslachtsnaam=surname,geboortedatum=date_of_birth,postcode=postcode,huisnummer=street_number,"
         "geboorteplaats=suburb")


def read(path, **how):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, **how))


def is_valid(number):
    return len(number) == 9 and sum(int(digit) * weight for digit, weight in zip(number, [9, 8, 7, 6, 5, 4, 3, 2, -1])) % 11 == 0


def pairs_of(groups):
    return {frozenset(pair) for group in groups for pair in itertools.combinations(group, 2)}


class Result:
    """One run, against what is true of each record."""

    def __init__(self, folder, files, truth, columns=None):
        out, pairs = pathlib.Path(folder, "out.csv"), pathlib.Path(folder, "pairs.csv")
        subprocess.run([str(BIN / "knooppunt"), "link", *map(str, files), "--out", str(out), "--pairs", str(pairs),
                        *(("--map", columns) if columns else ())], stdout=subprocess.DEVNULL, check=True, timeout=120)
        self.clusters, persons = collections.defaultdict(list), collections.defaultdict(list)
        self.cluster_of = {row["rec_id"]: row["cluster_id"] for row in read(out)}
        for record, cluster in self.cluster_of.items():
            self.clusters[cluster].append(record)
        for record, person in truth.items():
            persons[person].append(record)
        self.joined, self.true = pairs_of(self.clusters.values()), pairs_of(persons.values())
        good = len(self.joined & self.true)
        self.precision, self.recall = good / len(self.joined), good / len(self.true)
        self.f1 = 2 * self.precision * self.recall / (self.precision + self.recall)
        self.graded = [(frozenset((row["rec_id_a"], row["rec_id_b"])), float(row["bits"]), row["grade"]) for row in read(pairs)]
        certain = [pair for pair, _, grade in self.graded if grade == "certain"]
        self.certain_right = sum(pair in self.true for pair in certain) / len(certain)

    def asked(self):
        """The share of records whose best candidate is a question for a person."""
        best = {}
        for pair, bits, grade in self.graded:
            for record in pair:
                if record not in best or bits > best[record][0]:
                    best[record] = (bits, grade in ("probable", "possible") and len({self.cluster_of[other] for other in pair}) > 1)
        return sum(question for _, question in best.values()) / len(self.cluster_of)


class LinkFigures(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-e2e-", dir=os.environ.get("TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def need(self, *names):
        files = [DATA / name for name in names]
        if not all(file.is_file() for file in files):
            self.skipTest(f"needs linkage/{names[0]} in TEST_DATA_DIR")
        return files

    def test_dutch_signals(self):
        files = self.need("dutch_synth/signals.csv")
        rows = {row["rec_id"]: row for row in read(files[0])}
        result = Result(self.folder, files, {record: row["person_id"] for record, row in rows.items()})
        self.assertGreaterEqual(result.f1, 0.992)
        self.assertGreaterEqual(result.precision, 0.998)
        self.assertGreaterEqual(result.certain_right, 0.9995)
        self.assertLessEqual(result.asked(), 0.03)
        for records in result.clusters.values():  # nobody has two valid numbers
            self.assertLessEqual(len({rows[record]["bsn"] for record in records if is_valid(rows[record]["bsn"])}), 1, records)
        for gender in "MV":  # nobody is worse off
            true = {pair for pair in result.true if {rows[record]["geslacht"] for record in pair} == {gender}}
            self.assertGreaterEqual(len(result.joined & true) / len(true), result.recall - 0.02)

    def febrl(self, *names, columns=FEBRL):
        files = self.need(*(f"febrl/{name}.csv" for name in names))
        records = [row["rec_id"] for file in files for row in read(file, skipinitialspace=True)]
        return Result(self.folder, files, {record: "-".join(record.split("-")[:2]) for record in records}, columns)

    def test_febrl4_without_identifier(self):
        result = self.febrl("dataset4a", "dataset4b")
        self.assertGreaterEqual(round(result.f1, 4), 0.9984)
        self.assertEqual(result.precision, 1)

    def test_febrl4_without_identifier_with_the_street(self):
        result = self.febrl("dataset4a", "dataset4b", columns=FEBRL + ",straat=address_1")
        self.assertGreaterEqual(result.f1, 0.997)
        self.assertEqual(result.precision, 1)

    def test_febrl_with_several_duplicates(self):
        result = self.febrl("dataset2")
        self.assertGreaterEqual(result.f1, 0.997)
        self.assertEqual(result.precision, 1)

    def test_each_official_test_person_is_one_however_his_letters_are_written(self):
        """As the register writes him, and in capitals without marks: the same person, and nobody else."""
        files = self.need("brp_testpersons/testset_persoonslijsten_20220502.csv")
        with open(files[0], newline="", encoding="utf-8-sig") as file:
            table = list(csv.reader(file, delimiter=";"))
        at = {name: table[0].index(name) for name in ("01.01.20", "01.02.10", "01.02.40", "01.03.10", "01.03.20")}
        lists = [row for row in table if row[0].startswith("Lg01_") and is_valid(row[at["01.01.20"]])]
        source = pathlib.Path(self.folder, "in.csv")
        with open(source, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["rec_id", "bsn", "voornamen", "geslachtsnaam", "geboortedatum", "geboorteplaats"])
            for number, row in enumerate(lists):
                cells = [row[at[name]] for name in ("01.02.10", "01.02.40", "01.03.10", "01.03.20")]
                writer.writerow([f"{number}.a", row[at["01.01.20"]], *cells])
                writer.writerow([f"{number}.b", row[at["01.01.20"]], *(cell.upper() for cell in cells)])
        result = Result(self.folder, [source], {f"{number}.{letter}": number for number in range(len(lists)) for letter in "ab"})
        self.assertEqual(result.recall, 1)
        for records in result.clusters.values():  # some lists bear one number: that is for the register to explain
            self.assertEqual(len({lists[int(record.split(".")[0])][at["01.01.20"]] for record in records}), 1, records)


if __name__ == "__main__":
    unittest.main(verbosity=1)
