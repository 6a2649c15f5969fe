#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`knooppunt link` on an invented registration with the cases that matchers get wrong: twins, fathers and sons, partners' names, numbers
that are wrong or another person's, days that stand for "not known", a shelter, letters outside a-z. And what must hold of all of it:
the same bytes for every order of the rows and every number of processors, no person with two valid numbers, nobody worse off for where
his name comes from.

check: not under tsan: twenty runs; test_link.py runs the same code there
check: not under asan: likewise
"""
import csv
import itertools
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

from registration import HEADER, Registration, address, bsn, date, slip

BIN = pathlib.Path(os.environ["KNOOPPUNT_BIN"])
ORDERS = 20
PERSONS = 150  # of each origin and gender
BEHIND_MAX = 0.02  # so much a group may be behind the others

LETTERS = [("Vĸovāųl", "Vkovaul"), ("Łukasz", "Lukasz"), ("Çağrı", "Cagri"), ("Þorgeir", "Thorgeir"), ("Đorđe", "Dorde"), ("Ĳsbrand", "IJsbrand"),
           ("Strauß", "Strauss"), ("Ærøskøbing", "Aeroskobing"), ("Ŋuŧ", "Nut"), ("Ħal", "Hal")]


def link(folder, paths, name, threads=2):
    """Bytes of the clusters, sorted, and of the pairs."""
    out, pairs = folder / f"{name}.csv", folder / f"{name}.pairs.csv"
    subprocess.run([str(BIN / "knooppunt"), "link", *map(str, paths), "--out", str(out), "--pairs", str(pairs), "--threads", str(threads)],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=120)
    return b"\n".join(sorted(out.read_bytes().splitlines())), pairs.read_bytes()


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


class Cases:
    """Each case puts rows into the registration, and remembers what they must and must not be."""

    def __init__(self, registration):
        self.registration = registration
        self.chance = random.Random(11)
        self.pairs = {}  # of a kind of case: two persons that are not one

    def base(self, name, gender="M"):
        chance = self.chance
        given = chance.choice(("Bram", "Daan", "Joost", "Lambert", "Sijmen", "Hugo") if gender == "M" else ("Saar", "Lieke", "Hanna", "Barbara", "Dieuwke", "Jetske"))
        surname = "".join(chance.choice(part) for part in (("Ver", "Ooster", "Wester", "Nieuwen", "Ouden"), ("zon", "dicht", "dacht", "bel", "maak"),
                                                           ("sel", "huis", "man", "sma", "stra"))) + name[-2:].translate(str.maketrans("0123456789", "abdefgklmn"))
        return {"voornamen": given, "voorletters": given[0] + ".", "geslachtsnaam": surname, "geboortedatum": date(chance, 1960, 1999),
                "geslacht": gender, "geboorteplaats": "Nergenshuizen", **address(chance)}

    def two(self, kind, number, first, second):
        """Two persons with two rows each, of which one misspells the surname."""
        names = [f"{kind}{number:02}{letter}" for letter in "ab"]
        self.pairs.setdefault(kind, []).append(names)
        for name, person in zip(names, (first, second)):
            self.registration.add(name, **person)
            self.registration.add(name, **{**person, "geslachtsnaam": person["geslachtsnaam"][0] + slip(self.chance, person["geslachtsnaam"][1:])})

    def twins(self):
        for i in range(40):
            one = self.base(f"twin{i:02}", "MV"[i % 2])
            other = {"B": "Berend", "D": "Douwe", "J": "Jurre", "S": "Sofie", "L": "Loes", "H": "Hilde"}[one["voornamen"][0]]
            other = other if i < 20 else "Kasper" if i % 2 == 0 else "Norah"
            self.two("twin", i, one, {**one, "voornamen": other, "voorletters": other[0] + "."})

    def fathers(self):
        for i in range(40):
            one = self.base(f"father{i:02}")
            self.two("father", i, one, {**one, "geboortedatum": date(self.chance, int(one["geboortedatum"][:4]) + 20, int(one["geboortedatum"][:4]) + 38)})

    def partners(self):
        for i in range(20):
            person = self.base(f"partner{i:02}", "V")
            own, partner = person["geslachtsnaam"], self.base(f"with{i:02}")["geslachtsnaam"]
            self.registration.add(f"partner{i:02}", **{**person, "geslachtsnaam_partner": partner, "naamgebruik": "E"})
            for usage, shown in (("E", own), ("P", partner), ("V", f"{partner}-{own}"), ("N", f"{own}-{partner}")):
                self.registration.add(f"partner{i:02}", **{**person, "geslachtsnaam": shown, "naamgebruik": usage})

    def numbers(self):
        chance = self.chance
        for i in range(20):
            person, other = self.base(f"number{i:02}"), self.base(f"victim{i:02}", "V")
            number, others = bsn(chance), bsn(chance)
            failing = number[:8] + str((int(number[8]) + 1) % 10)
            self.registration.add(f"number{i:02}", **person, bsn=number)
            self.registration.add(f"number{i:02}", **person, bsn=failing)
            self.registration.add(f"number{i:02}", **person, bsn=others)  # another person's: it is he, or it stays apart
            self.registration.add(f"victim{i:02}", **other, bsn=others)
            self.registration.add(f"victim{i:02}", **other)
            self.pairs.setdefault("number", []).append([f"number{i:02}", f"victim{i:02}"])
        for i in range(10):  # what fails is filled in for everybody
            self.registration.add(f"filler{i}", bsn="123456789", geslachtsnaam="Jansen", voorletters="J.")

    def days(self):
        for i in range(20):
            person = self.base(f"day{i:02}")
            year = person["geboortedatum"][:4]
            for day in (person["geboortedatum"], year + "0000", year + "0101"):
                self.registration.add(f"day{i:02}", **{**person, "geboortedatum": day})
        for i in range(10):  # one name, one year, no day: as many persons
            self.registration.add(f"noday{i}", voornamen="Jan", voorletters="J.", geslachtsnaam="Jansen", geboortedatum="19800101", geslacht="M",
                                  **address(self.chance))

    def shelter(self):
        where = {**address(self.chance), "huisnummer": "1"}
        for i in range(25):
            self.registration.add(f"shelter{i:02}", **{**self.base(f"shelter{i:02}", "MV"[i % 2]), **where})

    def letters(self):
        for i, (one, other) in enumerate(LETTERS):
            person = self.base(f"letter{i}")
            for surname in (one, other):
                self.registration.add(f"letter{i}", **{**person, "geslachtsnaam": surname})

    def untelling(self):
        for i in range(10):
            self.registration.add(f"jansen{i}", voorletters="J.", geslachtsnaam="Jansen")


class LinkCases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-e2e-", dir=os.environ.get("TMPDIR"))
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.registration = Registration(seed=3)
        cls.registration.fill(PERSONS)
        cls.cases = Cases(cls.registration)
        for case in ("twins", "fathers", "partners", "numbers", "days", "shelter", "letters", "untelling"):
            getattr(cls.cases, case)()
        cls.bytes = link(cls.folder, [write(cls.folder / "in.csv", cls.registration.rows)], "out")
        with open(cls.folder / "out.csv", newline="", encoding="utf-8") as file:
            cls.cluster_of = {row["rec_id"]: row["cluster_id"] for row in csv.DictReader(file)}
        cls.clusters = {}
        for record, cluster in cls.cluster_of.items():
            cls.clusters.setdefault(cluster, []).append(record)
        cls.records = {}
        for record, person in cls.registration.person_of.items():
            cls.records.setdefault(person, []).append(record)

    def clusters_of(self, person):
        return {self.cluster_of[record] for record in self.records[person]}

    def persons(self, prefix):
        return [person for person in self.records if person.startswith(prefix)]

    def assert_apart(self, kind):
        joined = [names for names in self.cases.pairs[kind] if self.clusters_of(names[0]) & self.clusters_of(names[1])]
        self.assertEqual(joined, [])

    def assert_whole(self, prefix, least):
        """So many of the persons at least are in one piece."""
        broken = [person for person in self.persons(prefix) if len(self.clusters_of(person)) > 1]
        self.assertLessEqual(len(broken), len(self.persons(prefix)) - least, broken)

    def assert_all_apart(self, prefix):
        persons = self.persons(prefix)
        self.assertEqual(len({self.cluster_of[record] for person in persons for record in self.records[person]}), len(persons))

    def test_twins_are_two_and_each_is_one(self):
        self.assert_apart("twin")
        self.assert_whole("twin", 78)  # of 80

    def test_father_and_son_are_two_and_each_is_one(self):
        self.assert_apart("father")
        self.assert_whole("father", 78)

    def test_one_person_under_own_and_partners_name(self):
        self.assert_whole("partner", 20)

    def test_a_number_that_fails_does_not_part_and_does_not_join(self):
        for person in self.persons("number"):
            own = self.records[person]
            self.assertEqual(self.cluster_of[own[0]], self.cluster_of[own[1]])
        self.assert_all_apart("filler")

    def test_another_persons_number_does_not_make_them_one(self):
        self.assert_apart("number")
        self.assert_whole("victim", 20)

    def test_a_day_that_is_not_known_is_no_birthday(self):
        self.assert_whole("day", 20)
        self.assert_all_apart("noday")

    def test_who_lives_in_a_shelter_is_not_who_else_lives_there(self):
        self.assert_all_apart("shelter")

    def test_letters_outside_a_to_z(self):
        self.assert_whole("letter", len(LETTERS))

    def test_being_written_the_same_is_not_being_the_same(self):
        self.assert_all_apart("jansen")

    def test_no_person_has_two_valid_numbers(self):
        fails = lambda number: sum(int(digit) * weight for digit, weight in zip(number, [9, 8, 7, 6, 5, 4, 3, 2, -1])) % 11 != 0
        number_of = {row["rec_id"]: row["bsn"] for row in self.registration.rows if row["bsn"] and not fails(row["bsn"])}
        for records in self.clusters.values():
            self.assertLessEqual(len({number_of[record] for record in records if record in number_of}), 1, records)

    def test_the_same_bytes_in_every_order_and_by_any_number_of_processors(self):
        chance = random.Random(5)
        for i in range(ORDERS):
            rows = chance.sample(self.registration.rows, len(self.registration.rows))
            found = link(self.folder, [write(self.folder / "order.in.csv", rows)], "order", threads=(1, 2, 5)[i % 3])
            self.assertEqual(found[0], self.bytes[0], f"clusters of order {i}")
            self.assertEqual(found[1], self.bytes[1], f"pairs of order {i}")

    def test_one_file_gives_one_answer_byte_for_byte_by_any_number_of_processors(self):
        rows = write(self.folder / "rows.csv", self.registration.rows)
        answers = set()
        for threads in (1, 2, 5):
            link(self.folder, [rows], "threads", threads)
            answers.add(((self.folder / "threads.csv").read_bytes(), (self.folder / "threads.pairs.csv").read_bytes()))
        self.assertEqual(len(answers), 1)

    def test_two_files_are_one_registration_whichever_comes_first(self):
        half = len(self.registration.rows) // 2
        one = write(self.folder / "one.csv", self.registration.rows[:half])
        other = write(self.folder / "other.csv", self.registration.rows[half:])
        self.assertEqual(link(self.folder, [one, other], "ab"), self.bytes)
        self.assertEqual(link(self.folder, [other, one], "ba"), self.bytes)

    def test_nobody_is_worse_off_for_his_name(self):
        """Of each origin and gender: how many of the true pairs are found, and how many of the pairs found are false."""
        true, found, false, joined = {}, {}, {}, {}
        for person, group in self.registration.groups.items():
            for a, b in itertools.combinations(self.records[person], 2):
                for name in (*group, "all"):
                    true[name] = true.get(name, 0) + 1
                    found[name] = found.get(name, 0) + (self.cluster_of[a] == self.cluster_of[b])
        for records in self.clusters.values():
            for a, b in itertools.combinations(records, 2):
                persons = [self.registration.person_of[record] for record in (a, b)]
                for name in {name for person in persons for name in (*self.registration.groups.get(person, ()), "all")}:
                    joined[name] = joined.get(name, 0) + 1
                    false[name] = false.get(name, 0) + (persons[0] != persons[1])
        self.assertGreaterEqual(found["all"] / true["all"], 0.96)
        self.assertLessEqual(false["all"] / joined["all"], 0.002)
        for group in map(set, zip(*self.registration.groups.values())):  # all origins, all genders
            for name in sorted(group):
                def share(some, of, names):
                    return sum(some[one] for one in names) / sum(of[one] for one in names)
                told = f"{name}: {found[name]} of {true[name]} found, {false[name]} of {joined[name]} false"
                others = group - {name}
                self.assertGreaterEqual(share(found, true, {name}), share(found, true, others) - BEHIND_MAX, told)
                self.assertLessEqual(share(false, joined, {name}), share(false, joined, others) + BEHIND_MAX, told)


if __name__ == "__main__":
    unittest.main(verbosity=1)
