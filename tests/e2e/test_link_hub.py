#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""In bulk or one at a time: `knooppunt link --as-hub` finds the persons that a hub finds to whom the same rows come as signals, one by
one and in another order, and after signals that came and went again.
"""
import csv
import random
import string

import kit
from kit import signal

HEADER = ("rec_id", "bsn", "voornamen", "voorletters", "geslachtsnaam", "geboortedatum", "geslacht", "postcode", "huisnummer", "geboorteplaats")
GIVEN = ("Anna", "Alma", "Bram", "Daan", "Fatima", "Johanna", "Mohamed", "Sanne", "Willem", "Yara")
SURNAMES = ("Bedacht", "de Vries", "el Amrani", "Jansen", "Verzonnen", "van den Berg", "Zonderland")
PLACES = ("Nergenshuizen", "Elders", "Ons Dorp")
PEOPLE, ROWS_EACH = 60, 3


def misspelt(chance, text):
    at = chance.randrange(1, len(text))
    return text[:at] + chance.choice(string.ascii_lowercase) + text[at + 1:]


def write(chance, number):
    """The rows of one invented person: families share a surname, an address and sometimes a birth date, as twins do."""
    family = number // 2
    sound = {"bsn": kit.bsn(number + 1), "voornamen": GIVEN[(number * 3 + family) % len(GIVEN)], "voorletters": "",
             "geslachtsnaam": SURNAMES[family % len(SURNAMES)], "geslacht": "MV"[number % 2],
             "geboortedatum": f"{1960 + family % 9}{1 + family % 12:02}{1 + family % 28:02}",
             "postcode": f"{9000 + family % 7}ZZ", "huisnummer": str(1 + family % 11), "geboorteplaats": PLACES[family % 3]}
    for _ in range(ROWS_EACH):
        row = dict(sound)
        if chance.random() < .6:
            row["bsn"] = ""
        if chance.random() < .3:
            row["geslachtsnaam"] = misspelt(chance, row["geslachtsnaam"])
        if chance.random() < .3:
            row["voorletters"], row["voornamen"] = row["voornamen"][0] + ".", ""
        if chance.random() < .2:
            row["geboortedatum"] = row["geboortedatum"][:4] + "0000"
        if chance.random() < .4:
            row["postcode"] = row["huisnummer"] = ""
        if chance.random() < .3:
            row["geboorteplaats"] = ""
        yield row


def signal_of(row):
    date = row["geboortedatum"]
    made = signal.Signal(reference=row["rec_id"], version=1, action=signal.SIGNAL_ACTION_REPORT, area_code="GM0999",
                         kind=signal.SIGNAL_KIND_PROCES_VERBAAL, incident_date=signal.Date(year=2026, month=3, day=14))
    person = made.persons.add(role=signal.CASUS_ROLE_PLEGER, surname=row["geslachtsnaam"],
                              gender=signal.GENDER_MAN if row["geslacht"] == "M" else signal.GENDER_VROUW)
    person.birth_date.year = int(date[:4])
    if date[4:] != "0000":
        person.birth_date.month, person.birth_date.day = int(date[4:6]), int(date[6:])
    for ours, theirs in (("bsn", "bsn"), ("voornamen", "given_names"), ("voorletters", "initials"), ("geboorteplaats", "birth_place")):
        if row[ours]:
            setattr(person, theirs, row[ours])
    if row["postcode"]:
        person.address.postcode, person.address.house_number = row["postcode"], int(row["huisnummer"])
    return made


class LinkHub(kit.Test):
    PARTNERS = ("politie",)

    def test_in_bulk_or_one_at_a_time_the_persons_are_the_same(self):
        chance = random.Random(20261126)
        rows = [row for number in range(PEOPLE) for row in write(chance, number)]
        for number, row in enumerate(rows):
            row["rec_id"] = f"R-{number:04}"
        table, clusters = self.house.dir / "rows.csv", self.house.dir / "clusters.csv"
        with open(table, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, HEADER)
            writer.writeheader()
            writer.writerows(rows)
        self.house.cli("link", table, "--out", clusters, "--as-hub", hub=False)
        with open(clusters, newline="", encoding="utf-8") as file:
            bulk = {row["rec_id"]: row["cluster_id"] for row in csv.DictReader(file)}

        places = {}
        with self.session("politie") as session:
            for row in chance.sample(rows, len(rows)):
                places[row["rec_id"]] = self.submit(session, signal_of(row)).signals[0].position
            for number in chance.sample(range(len(rows)), 20):  # and some go and come again, as another version
                self.submit(session, kit.withdrawal(rows[number]["rec_id"], 2))
                again = signal_of(rows[number])
                again.version = 3
                places[rows[number]["rec_id"]] = self.submit(session, again).signals[0].position
        self.wait_applied()
        one_by_one = {name: self.house.ask("match", "explain", place)["match"][0]["person"] for name, place in places.items()}
        self.assertEqual(partition(bulk), partition(one_by_one))
        self.assertGreater(len(partition(bulk)), PEOPLE * 8 // 10)
        self.assertLess(len(partition(bulk)), len(rows) * 8 // 10)

    def tearDown(self):
        self.check_hub_is_well()


def partition(person_of):
    found = {}
    for name, person in person_of.items():
        found.setdefault(person, set()).add(name)
    return {frozenset(names) for names in found.values()}


if __name__ == "__main__":
    kit.main()
