#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Matches in doubt: `knooppunt review` lists them, shows them side by side, and takes a person's decision, which holds, shows in the
alerts, and can be taken back; `knooppunt match explain` says why.
"""
import json

import kit
from kit import signal


def told(reference, kind=signal.SIGNAL_KIND_PROCES_VERBAAL, **fields):
    made = signal.Signal(reference=reference, version=1, action=signal.SIGNAL_ACTION_REPORT, kind=kind, area_code="GM0999",
                         incident_date=signal.Date(year=2026, month=3, day=14))
    made.persons.add(role=signal.CASUS_ROLE_PLEGER, surname="Verzonnen", birth_date=signal.Date(year=1980, month=2, day=3), **fields)
    return made


def named(surname, reference, **fields):
    """Of whom there is an initial, only the year of birth is said: he may be the other one."""
    made = told(reference, **fields)
    made.persons[0].surname = surname
    if "initials" in fields:
        made.persons[0].birth_date.CopyFrom(signal.Date(year=1980))
    return made


class Desk(kit.Test):
    PARTNERS = ("politie", "om", "reclassering")

    def bits_of(self, answer, section):
        """Of each row by its name; written as everywhere: 10.10."""
        rows = {row["field"]: row["bits"] for row in answer[section]}
        for bits in rows.values():
            self.assertRegex(bits, r"^-?\d+\.\d\d$")
        return {name: float(bits) for name, bits in rows.items()}

    def submit_as(self, name, one):
        with self.session(name) as session:
            position = self.submit(session, one).signals[0].position
        self.wait_applied()
        return position

    def doubts(self):
        return {frozenset((row["person"], row["other"])) for row in self.house.ask("review", "list")["review"]}

    def person_of(self, position):
        return self.house.ask("match", "explain", position)["match"][0]["person"]


class Explained(Desk):
    def test_an_explanation_names_keys_and_margin(self):
        def of(reference, **fields):
            made = told(reference, **fields)
            made.persons[0].surname = "Uitgelegd"
            return made
        self.submit_as("politie", of("PL-8", given_names="Iris", birth_place="Elders"))
        self.submit_as("om", of("OM-8", given_names="Ilse", birth_place="Elders"))  # her twin
        place = self.submit_as("reclassering", of("R-8", given_names="Iris", bsn=kit.bsn(8), birth_place="Elders"))
        why = self.house.ask("match", "explain", place)
        she, twin = (self.bits_of(why, section) for section in ("weighed", "not_weighed"))
        self.assertRegex(why["match"][0]["margin"], r"^\d+\.\d\d$")
        self.assertAlmostEqual(float(why["match"][0]["margin"]), she["samen"] - twin["samen"], 6)
        self.assertGreater(she["samen"], twin["samen"])
        self.assertIn("voornaam, geboorteplaats en geboortejaar", [row["by"] for row in why["found"]])
        self.assertNotIn("voornaam, geboorteplaats en geboortejaar", [row["by"] for row in why["not_found"]])
        self.assertIn("geboortedatum en voorletter", [row["by"] for row in why["not_found"]])
        rule = next(row for row in why["not_weighed"] if row["field"] == "regel")
        self.assertEqual(rule["agrees"], "andere voornaam bij (bijna) dezelfde achternaam: een broer of zus? (hoogstens -1.00 bits)")
        self.assertEqual(twin["samen"], -1)
        traced = self.house.ask("trace", place)
        self.assertRegex(traced["persons"][0]["because"], r"^met een andere schrijfwijze van deze persoon \d+\.\d\d bits: ")
        for answer in (why, traced):
            self.assertNotRegex(json.dumps(answer), r"\d,\d\d\b")

    def test_a_parent_and_child_are_told_by_what_agrees(self):
        """The address may do so by its street alone, which then is shown."""
        for name, born, address in (("politie", 1950, {"postcode": "9001AA", "house_number": 12, "street": "Lindelaan"}),
                                    ("om", 1981, {"postcode": "9455ZX", "house_number": 12, "street": "Lindelaan"})):
            one = told("%s-9" % name, given_names="Gerrit", birth_place="Elders", gender=signal.GENDER_MAN,
                       address=signal.Address(**address))
            one.persons[0].surname = "Gelijknamig"
            one.persons[0].birth_date.CopyFrom(signal.Date(year=born, month=11, day=28))
            self.submit_as(name, one)
        pair = next(row for row in self.house.ask("review", "list")["review"] if "ouder en kind" in row["why_not"])
        words = "achternaam en adres lijken op elkaar, de geboortedatum niet: ouder en kind?"
        self.assertEqual((pair["bits"], pair["why_not"]), ("9.99", words))
        shown = self.house.ask("review", "show", pair["person"], pair["other"])
        rows = {row["field"]: row for row in shown["weighed"]}
        self.assertEqual(rows["regel"]["agrees"], words + " (hoogstens 9.99 bits)")
        self.assertEqual({rows["adres"]["one"], rows["adres"]["other"]}, {"9001AA 12 lindelaan", "9455ZX 12 lindelaan"})

    def test_a_decision_is_told_once(self):
        """However many spellings of the other person it is of."""
        def of(reference, **fields):
            made = told(reference, **fields)
            made.persons[0].surname = "Tweemaal"
            return made
        self.submit_as("politie", of("PL-7", bsn=kit.bsn(7), given_names="Else"))
        self.submit_as("om", of("OM-7", bsn=kit.bsn(7), given_names="Else Maria"))
        self.submit_as("om", of("OM-6", bsn=kit.bsn(6), given_names="Elly"))
        place = self.submit_as("reclassering", of("R-7", initials="E."))
        person = lambda position: self.house.ask("match", "explain", position)["match"][0]["person"]
        other = next(row["other"] if row["person"] == person(place) else row["person"]
                     for row in self.house.ask("review", "list")["review"] if person(place) in row.values())
        decided = self.house.ask("review", "accept", other, person(place), "--reason", "partner")["decided"][0]
        rows = self.house.ask("match", "explain", place)["decided"]
        self.assertEqual([(row["decision"], row["other"], row["position"]) for row in rows],
                         [("een persoon", decided["one"], decided["position"])])


class Decisions(Desk):
    def decided(self):
        return [(row["position"], row["decision"], {row["one"], row["other"]}, row["reason"], row["by"])
                for row in self.house.ask("review", "decided")["decided"]]

    def decide(self, verb, *words, command="review"):
        return self.house.ask(command, verb, *words)["decided"][0]

    def test_taken_back_is_the_last_decision_only(self):
        before = self.decided()
        one = self.person_of(self.submit_as("politie", named("Kwakkelaar", "PL-20", given_names="Sanne", birth_place="Hier")))
        other = self.person_of(self.submit_as("om", named("Kwakkelaar", "OM-20", initials="S.", birth_place="Daar")))
        self.assertNotEqual(one, other)
        first, second = (self.decide("reject", one, other, "--reason", reason)["position"] for reason in ("dossier", "partner"))
        accepted = self.decide("accept", one, other, "--reason", "identiteit")
        self.assertEqual(accepted["result"], "one person")
        self.assertEqual(self.decided(), [(accepted["position"], "een persoon", {one}, "identiteit", "operator"),
                                          (second, "twee personen", {one}, "partner", "operator"),
                                          (first, "twee personen", {one}, "dossier", "operator")] + before)
        undone = self.decide("undo", accepted["position"], "--reason", "vergissing")
        self.assertEqual((undone["result"], {undone["one"], undone["other"]}), ("two persons", {one, other}))  # called as before
        self.assertNotIn({undone["one"], undone["other"]}, self.doubts())  # the rejections stand
        self.decide("undo", first, "--reason", "vergissing")  # not the last: in any order
        self.assertEqual([row[0] for row in self.decided()], [second] + [row[0] for row in before])
        self.assertNotIn({undone["one"], undone["other"]}, self.doubts())
        self.decide("undo", second, "--reason", "vergissing")
        self.assertEqual(self.decided(), before)
        self.assertIn({undone["one"], undone["other"]}, self.doubts())

    def test_whoever_leaves_is_found_under_the_name_that_he_had(self):
        one = self.person_of(self.submit_as("politie", named("Hagedoren", "PL-50", given_names="Femke", birth_place="Hier")))
        place = self.submit_as("om", named("Hagedoren", "OM-50", initials="F.", birth_place="Daar"))
        other = self.person_of(place)
        self.decide("accept", one, other, "--reason", "dossier")
        self.assertEqual(self.person_of(place), one)
        self.decide("unmerge", place, "--reason", "dossier", command="match")
        self.assertEqual(self.person_of(place), other)
        self.assertEqual(self.house.ask("match", "history", other)["person"], [{"asked": other, "now": other}])

    def test_a_rival_who_comes_later_is_asked_of_as_one_who_was_there(self):
        for number, (surname, order) in enumerate((("Oosterling", ("anna", "alma", "initial")), ("Westerbeek", ("anna", "initial", "alma")),
                               ("Noorderman", ("initial", "alma", "anna")))):
            made = {"anna": ("politie", {"bsn": kit.bsn(60 + number), "given_names": "Anna"}),
                    "alma": ("om", {"bsn": kit.bsn(65 + number), "given_names": "Alma"}), "initial": ("reclassering", {"initials": "A."})}
            places = {}
            for name in order:
                one = told(f"{surname}-{name}", **made[name][1])
                one.persons[0].surname = surname
                places[name] = self.submit_as(made[name][0], one)
            persons = {name: self.person_of(place) for name, place in places.items()}
            asked = {question for question in self.doubts() if question & set(persons.values())}
            self.assertEqual(asked, {frozenset((persons[name], persons["initial"])) for name in ("anna", "alma")}, order)

    def test_who_comes_after_a_decision_is_asked_of(self):
        def person(reference, partner, **fields):
            return self.person_of(self.submit_as(partner, named("Zuiderveld", reference, **fields)))
        anna = person("PL-70", "politie", bsn=kit.bsn(70), given_names="Anna", birth_place="Hier")
        initial = person("OM-70", "om", initials="A.", birth_place="Daar")
        self.assertIn(frozenset((anna, initial)), self.doubts())
        self.decide("accept", anna, initial, "--reason", "dossier")
        later = told("R-70", given_names="Anna")
        later.persons[0].surname = "Zuiderveld"
        later.persons[0].birth_date.CopyFrom(signal.Date(year=1980))
        newcomer = self.person_of(self.submit_as("reclassering", later))
        self.assertNotEqual(newcomer, anna)
        self.assertIn(frozenset((anna, newcomer)), self.doubts())

    def test_two_who_were_said_to_be_two_are_not_asked_of_again(self):
        """Each spelling of the one is like another of the other's."""
        places = {"politie": set(), "om": set()}
        for birth_place in ("Amstelrode", "Bloemdaal", "Cortenberg", "Duinvliet"):
            for partner, fields in (("politie", {"given_names": "Sanne"}), ("om", {"initials": "S.", "bsn": kit.bsn(90)})):
                one = named("Bartelink", f"{partner}-{birth_place}", birth_place=birth_place, **fields)
                places[partner].add(self.submit_as(partner, one))
        (one,), (other,) = ({self.person_of(place) for place in found} for found in places.values())
        self.assertIn(frozenset((one, other)), self.doubts())
        self.decide("reject", one, other, "--reason", "dossier")
        self.assertNotIn(frozenset((one, other)), self.doubts())

    def test_two_numbers_are_one_person_only_when_that_is_said(self):
        one, other = (self.person_of(self.submit_as("politie", named("Zevenhuis", f"PL-3{i}", bsn=kit.bsn(30 + i), given_names="Daan"))) for i in range(2))
        self.assertNotEqual(one, other)
        refused = self.house.ask("review", "accept", one, other, "--reason", "dossier", expect=1)
        self.assertEqual(refused["name"], "STATE")
        self.assertIn("they have two valid BSNs", refused["text"])
        self.assertIn("twee-bsn", refused["text"])
        self.assertEqual(self.house.ask("review", "reject", one, other, "--reason", "dossier")["decided"][0]["result"], "two persons")
        self.assertEqual(self.decide("accept", one, other, "--reason", "dossier", "--twee-bsn")["result"], "one person")
        third = self.person_of(self.submit_as("om", named("Zevenhuis", "OM-33", initials="D.")))
        self.assertNotEqual(third, one)
        self.assertEqual(self.decide("accept", one, third, "--reason", "dossier")["result"], "one person")  # he has none

    def test_the_list_says_how_much_is_open(self):
        answer = self.house.ask("review", "list")
        self.assertEqual(answer["counted"][0]["listed"], len(answer["review"]))
        self.assertGreaterEqual(answer["counted"][0]["spellings_in_doubt"], len(answer["review"]))

    def test_how_to_take_back_is_said(self):
        one = self.person_of(self.submit_as("politie", named("Molenbroek", "PL-40", given_names="Jelle", birth_place="Hier")))
        other = self.person_of(self.submit_as("om", named("Molenbroek", "OM-40", initials="J.", birth_place="Daar")))
        text = self.house.cli("review", "accept", one, other, "--reason", "dossier")
        position = self.decided()[0][0]
        self.assertIn(f"To take it back: knooppunt review undo {position} --reason WORD", text)
        self.assertNotIn("take it back", self.house.cli("review", "undo", position, "--reason", "vergissing"))


class Crowd(Desk):
    def test_hundreds_of_spellings_under_one_number_stop_nobody(self):
        """One partner's system writes one number for everything: the others go on, and the operator hears of it once."""
        spellings = [named(f"Verzonnen{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}", f"PL-{i}", bsn=kit.bsn(1), given_names="Jelle",
                           birth_place=("Amstelrode", "Bloemdaal")[i % 2]) for i in range(300)]
        with self.session("politie") as one:
            for at in range(0, len(spellings), 50):
                self.submit(one, *spellings[at:at + 50])
        self.wait_applied()
        self.check_hub_is_well()
        self.assertGreater(self.metrics()["crowded"], 90)
        self.assertEqual(self.metrics()["poison"], 0)
        self.assertEqual(sum("match.crowded" in line for line in self.hub.lines), 1)
        other = self.submit_as("om", named("Quakkelstein", "OM-1", given_names="Wouter"))
        self.assertEqual(self.house.ask("match", "explain", other)["match"][0]["signals"], 1)


class Large(Desk):
    def test_what_is_too_much_to_be_one_person_is_refused_and_changes_nobody(self):
        for partner, number, count, given in (("politie", 1, 210, "Jelle"), ("om", 2, 200, "Wouter")):
            spellings = [named(f"Verzonnen{chr(97 + i // 26)}{chr(97 + i % 26)}", f"{partner}-{i}", bsn=kit.bsn(number), given_names=given,
                               birth_place=("Amstelrode", "Bloemdaal")[i % 2]) for i in range(count)]
            with self.session(partner) as one:
                for at in range(0, count, 50):
                    self.submit(one, *spellings[at:at + 50])
        self.wait_applied(seconds=300)  # each of the last ones is weighed with all before it: a minute and more under the sanitizer
        persons = [self.person_of(self.house.ask("trace", partner, f"{partner}-0")["signal"][0]["position"]) for partner in ("politie", "om")]
        self.assertEqual([row["spellings"] for row in self.house.ask("review", "show", *persons)["persons"]], [210, 200])
        before = self.house.ask("store", "digest")
        refused = self.house.ask("review", "accept", *persons, "--reason", "dossier", "--twee-bsn", expect=1)
        self.assertEqual(refused["name"], "STATE")
        self.assertIn("together they are written in 410 ways, and more than 400 are not put together", refused["text"])
        self.assertEqual(self.house.ask("store", "digest"), before)


class Review(Desk):
    def count(self):
        return self.house.ask("person", "count")["persons"][0]["all"]

    def test_who_may_be_two_people_is_decided_by_a_person(self):
        anna = self.submit_as("politie", told("PL-1", bsn=kit.bsn(1), given_names="Anna"))
        alma = self.submit_as("om", told("OM-1", bsn=kit.bsn(2), given_names="Alma"))
        self.assertEqual(self.doubts(), set())
        initial = self.submit_as("reclassering", told("R-1", initials="A."))
        persons = {name: self.house.ask("match", "explain", position)["match"][0]["person"]
                   for name, position in (("anna", anna), ("alma", alma), ("initial", initial))}
        self.assertEqual(len(set(persons.values())), 3)
        self.assertEqual(self.doubts(), {frozenset((persons["anna"], persons["initial"])),
                                         frozenset((persons["alma"], persons["initial"]))})
        shown = self.house.ask("review", "show", persons["anna"], persons["initial"])
        self.assertEqual([row["by"] for row in shown["found"]],
                         ["geboortedatum en voorletter", "achternaam, voorletter en geboortejaar", "achternaam, voorletter en geboortedag",
                          "geboortedatum en een naam"])
        rows = {row["field"]: row for row in shown["weighed"]}
        self.assertEqual((rows["voornaam"]["one"], rows["voornaam"]["other"]), ("anna", "a"))
        self.assertEqual(rows["voornaam"]["agrees"], "alleen de voorletter, die is gelijk")
        bits = self.bits_of(shown, "weighed")
        self.assertAlmostEqual(sum(bits.values()), 2 * bits["samen"], 6)

        decided = self.house.ask("review", "accept", persons["alma"], persons["initial"], "--reason", "partner")["decided"][0]
        self.assertEqual((decided["one"], decided["result"]), (persons["alma"], "one person"))
        self.assertEqual((self.count(), self.doubts()), (2, set()))
        again = self.house.ask("review", "accept", persons["alma"], persons["initial"], "--reason", "partner", expect=1)
        self.assertEqual((again["name"], again["text"]),
                         ("STATE", f"{persons['alma']} and {persons['initial']} are one person already; `match history` of each shows since when"))
        self.house.ask("review", "undo", decided["position"], "--reason", "vergissing")
        self.assertEqual(self.count(), 3)
        self.assertEqual(len(self.doubts()), 2)
        now = self.house.ask("match", "explain", initial)["match"][0]["person"]
        self.house.ask("review", "reject", persons["alma"], now, "--reason", "identiteit")  # then she is the other one, certainly
        self.assertEqual(self.house.ask("match", "explain", initial)["match"][0]["person"], persons["anna"])
        self.assertEqual((self.count(), self.doubts()), (2, set()))
        self.assertEqual(self.house.ask("match", "unmerge", initial, "--reason", "dossier")["decided"][0]["result"], "two persons")
        self.assertEqual((self.count(), self.doubts()), (3, set()))

    def test_what_is_not_there_is_said_not_to_be(self):
        for words, name, text in ((("review", "show", "P-99.1", "P-98.1"), "NOT_FOUND", '"P-99.1" is no person of this house'),
                                  (("review", "undo", "999999", "--reason", "anders"), "NOT_FOUND", "nothing that still stands was decided at position 999999"),
                                  (("review", "accept", "P-1.1", "P-2.1", "--reason", "zomaar"), "USAGE", '"zomaar" is no reason: give one of identiteit'),
                                  (("match", "history", "P-99"), "USAGE", "give a person"),
                                  (("match", "explain", "999999"), "NOT_FOUND", "no signal is kept at position 999999")):
            answer = self.house.ask(*words, expect=2 if name == "USAGE" else 1)
            self.assertEqual(answer["name"], name)
            self.assertIn(text, answer["text"])


if __name__ == "__main__":
    kit.main()
