# SPDX-License-Identifier: EUPL-1.2
"""The invented people of Voorbeeldstad, and how a partner's system gets them on paper.

Nothing is random: every choice is a hash of a name, so the same files come out on every machine.
"""
import dataclasses
import hashlib

PLACE = "Voorbeeldstad"
STREETS = ["Molenwal", "Kerkplein", "Zuidersingel", "Lange Akker", "Havenkade", "Tulpstraat", "Burgemeester Vosplein",
           "Oude Veerweg", "Sluisdijk", "Meidoornlaan", "Statenlaan", "Westerpark", "Korte Brug", "Dr. Poelsweg", "Ringvaart"]
MEN = ["Dennis", "Kevin", "Patrick", "Marco", "Rick", "Bart", "Mehmet", "Youssef", "Karim", "Jeroen", "Wesley", "Danny", "Sander", "Erik",
       "Winston", "Tomasz", "Piotr", "Hassan", "Mike", "Roy", "Ferry", "Bram", "Luuk", "Jayden", "Milan", "Finn", "Ayoub", "Noah"]
WOMEN = ["Linda", "Samira", "Chantal", "Esther", "Fatima", "Naomi", "Petra", "Sandra", "Aylin", "Joyce", "Maaike", "Agnieszka", "Wendy",
         "Ilse", "Esra", "Lotte", "Sanne", "Femke", "Zoë", "Noor"]
SURNAMES = [("", "Jansen"), ("de", "Boer"), ("van", "Dijk"), ("", "Visser"), ("", "Smit"), ("", "Meijer"), ("de", "Graaf"), ("", "Kaya"),
            ("van den", "Heuvel"), ("", "Hoekstra"), ("", "Kowalski"), ("ter", "Horst"), ("", "Schouten"), ("van der", "Linden"),
            ("", "Demir"), ("", "Postma"), ("", "Willems"), ("van", "Leeuwen"), ("", "Wouters"), ("", "Nowak"), ("de", "Haan"),
            ("", "Benali"), ("", "Verhoeven"), ("van de", "Ven"), ("", "Martina"), ("", "Kuipers"), ("", "Öztürk"), ("", "Brouwer"),
            ("", "Prins"), ("", "Dekker")]


def pick(seed, count):
    """A number below count that belongs to this seed."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") % count


def passes_eleven_test(digits):
    return sum(int(d) * w for d, w in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1))) % 11 == 0 and int(digits) != 0


def make_bsn(seed):
    """A number of the 9-series that passes the eleven test."""
    for turn in range(100):
        start = "9%07d" % pick("bsn %s %d" % (seed, turn), 10_000_000)
        for last in "0123456789":
            if passes_eleven_test(start + last):
                return start + last
    raise AssertionError(seed)


def spoil_bsn(bsn):
    """Two digits swapped, as people do: fails the eleven test."""
    for i in range(1, 8):
        wrong = bsn[:i] + bsn[i + 1] + bsn[i] + bsn[i + 2:]
        if not passes_eleven_test(wrong):
            return wrong
    raise AssertionError(bsn)


def make_address(seed):
    return {"street": STREETS[pick("street " + seed, len(STREETS))], "number": 1 + pick("number " + seed, 180),
            "addition": "" if pick("addition " + seed, 5) else "A",
            "postcode": "90%02d%s" % (1 + pick("pc " + seed, 9),
                                      "ABCDEFGHJK"[pick("l1 " + seed, 10)] + "LMNPRSTVWX"[pick("l2 " + seed, 10)]),
            "place": PLACE}


@dataclasses.dataclass
class Person:
    key: str  # of the script only; appears in expected.tsv, never in an export
    given: str
    prefix: str
    surname: str
    birth: tuple
    gender: str
    address: dict
    bsn: str
    partner_prefix: str = ""
    partner_surname: str = ""
    usage: str = ""
    birth_place: str = PLACE

    @property
    def initials(self):
        return "".join(name[0] + "." for name in self.given.replace("-", " ").split())


def person(key, given, prefix, surname, birth, gender, home=None, **more):
    """@home: key of a household whose address this person shares."""
    return Person(key, given, prefix, surname, birth, gender, make_address(home or key), make_bsn(key), **more)


def filler(key, born_from, born_to):
    """Somebody with nothing special about him."""
    gender = "M" if pick("gender " + key, 3) else "V"
    given = MEN if gender == "M" else WOMEN
    prefix, surname = SURNAMES[pick("surname " + key, len(SURNAMES))]
    birth = (born_from + pick("year " + key, born_to - born_from), 1 + pick("month " + key, 12), 1 + pick("day " + key, 28))
    return person(key, given[pick("given " + key, len(given))], prefix, surname, birth, gender)


def mention(who, role, **how):
    """The person as one record names him.

    bsn="none" leaves the number out, "wrong" spoils it, other text is put in its place. Every other keyword replaces that field. Then:
    whole_surname puts the prefix into the surname field, initials_only leaves the given names out, upper writes capitals.
    """
    fields = {"role": role, "bsn": who.bsn, "given": who.given, "initials": who.initials, "prefix": who.prefix, "surname": who.surname,
              "partner_prefix": who.partner_prefix, "partner_surname": who.partner_surname, "usage": who.usage, "birth": who.birth,
              "birth_place": who.birth_place, "gender": who.gender, "address": dict(who.address), "who": who.key}
    number = how.pop("bsn", None)
    whole = how.pop("whole_surname", False)
    initials_only = how.pop("initials_only", False)
    upper = how.pop("upper", False)
    fields.update(how)
    if number is not None:
        fields["bsn"] = {"none": "", "wrong": spoil_bsn(who.bsn)}.get(number, number)
    if whole and fields["prefix"]:
        fields["surname"] = fields["prefix"] + " " + fields["surname"]
        fields["prefix"] = ""
    if initials_only:
        fields["given"] = ""
    if upper:
        for name in ("given", "prefix", "surname", "partner_prefix", "partner_surname"):
            fields[name] = fields[name].upper()
    return fields
