# SPDX-License-Identifier: EUPL-1.2
"""Who lives in Voorbeeldstad, what happened to them, and which partner wrote it down how."""
import datetime

from formats import JEUGDZORG_KINDS, JEUGDZORG_ROLES, KLASSEN, OM_KINDS, POLITIE_ROLES, RECLASSERING_KINDS, Record
from people import filler, make_address, mention, person, pick

# The day every date of the example was made for. All that counts lies between 2025-02-01 and this day, and the house's windows are
# 3650 days: so the demo sees the same on any day from here to the end of 2034. What must never count is of 2009.
TODAY = datetime.date(2026, 11, 1)
POLITIE_FILES = {1: ("bps-20260831.xml", (2026, 8, 31)), 2: ("bps-20260930.xml", (2026, 9, 30)), 3: ("bps-20261026.xml", (2026, 10, 26))}
WINDOWS = {1: ("2025-02-01", "2026-08-29"), 2: ("2026-09-01", "2026-09-28"), 3: ("2026-10-01", "2026-10-24")}
OM_FILES = ("compas-20260928.csv", "compas-20261026.csv")
RECLASSERING_FILES = {1: "reclassering-20260930.jsonl", 2: "reclassering-20261031.jsonl"}
OIN_HOUSE, OIN_JEUGDZORG = "00000099900100000000", "00000099900500000000"
AREAS = ["WK900101", "WK900102", "WK900103", "WK900104", "BU90010201", "BU90010302", "GM9001"]


def day(seed, first, last):
    first, last = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    date = first + datetime.timedelta(days=pick("date " + seed, (last - first).days))
    return (date.year, date.month, date.day)


class Town:
    """Collects what each partner writes, in the order in which it is written."""

    def __init__(self):
        self.politie, self.om, self.reclassering, self.jeugdzorg = {1: [], 2: [], 3: []}, ([], []), {1: [], 2: []}, []
        self.on_the_way = []

    # --- politie ---

    def pv(self, people, file=1, klasse="VM1", document="PV", date=None, held="", themes=(), **raw):
        """@people: a mention with "rol", or a list of them; empty for an incident about an area."""
        people = people if isinstance(people, list) else [people]
        number = sum(len(records) for records in self.politie.values()) + 1
        date = date or day("politie %d" % number, *WINDOWS[file])
        raw.setdefault("time", "%02d:%02d" % (pick("hour %d" % number, 24), 5 * pick("minute %d" % number, 12)))
        raw.setdefault("severity", 1 + pick("severity %d" % number, 4))
        raw.setdefault("place", make_address("place %d" % pick("where %d" % number, 40)))
        raw.update(klasse=klasse, document=document)
        kind = KLASSEN.get(klasse, ("", ""))[document != "PV"]
        record = Record("politie", POLITIE_FILES[file][0], "PL90VB-%d%06d" % (date[0], 40000 + 137 * number), 1, kind, date, people,
                        list(themes), held=held, raw=raw)
        self.politie[file].append(record)
        return record

    def pv_again(self, record, file, version=None, **changes):
        """The same registration once more: as it was, or with a higher mutation and changes."""
        changes = dict({"mentions": record.mentions}, **changes)
        again = Record("politie", POLITIE_FILES[file][0], record.reference, version or record.version, record.kind, record.date,
                       changes["mentions"], record.themes, raw=dict(record.raw, **changes.get("raw", {})))
        self.politie[file].append(again)
        return again

    def pv_withdraw(self, record, file, reason):
        self.politie[file].append(Record("politie", POLITIE_FILES[file][0], record.reference, record.version + 1, withdraw=True,
                                         raw={"reason": reason}))

    # --- om ---

    def row(self, who, soort="NETTO", date=None, lists="12", second=None, held_first="", **raw):
        """@lists: on which of the two lists; @second: another mention for the second list; @held_first: unusable on the first."""
        number = len({record.reference for records in self.om for record in records}) + 1
        date = date or day("om %d" % number, "2025-03-01", "2026-09-20")
        raw.update(soort=soort, parketnummer="16/%06d-%02d" % (700000 + 431 * number, date[0] % 100))
        raw.setdefault("summary", {"BRUTO": "Bruto lijst", "NETTO": "Netto lijst", "BESL": "Beslissing officier",
                                   "TOM": "TOM-zitting"}[soort])
        for index in (0, 1):
            if str(index + 1) in lists:
                shown = second if index == 1 and second is not None else who
                broken = index == 0 and held_first
                self.om[index].append(Record("om", OM_FILES[index], "C16-%05d" % (20000 + 73 * number), 0, OM_KINDS[soort],
                                             (2026, 2, 31) if broken else date, [shown], held=held_first if broken else "",
                                             raw=dict(raw)))

    # --- reclassering ---

    def rec(self, who, soort="TOEZICHT_START", file=1, date=None, held="", **raw):
        number = sum(len(records) for records in self.reclassering.values()) + 1
        date = date or day("reclassering %d" % number, "2025-03-01", "2026-09-25" if file == 1 else "2026-10-28")
        raw.update(soort=soort, organisation=("RN", "SVG", "LJ&R")[pick("organisation %d" % number, 3)])
        if soort == "RISC":
            raw.setdefault("risico", ("laag", "gemiddeld", "hoog")[pick("risk %d" % number, 3)])
            raw.setdefault("leefgebieden", [("financien", "huisvesting"), ("middelengebruik",), ("werk", "financien", "netwerk")][
                pick("areas %d" % number, 3)])
        reference = "" if raw.get("no_id") else "R%02d-%05d" % (date[0] % 100, 3000 + 41 * number)
        record = Record("reclassering", RECLASSERING_FILES[file], reference, 1, RECLASSERING_KINDS[soort], date, [who], held=held, raw=raw)
        self.reclassering[file].append(record)
        return record

    def rec_again(self, record, file, version=None, who=None, **raw):
        again = Record("reclassering", RECLASSERING_FILES[file], record.reference, version or record.version, record.kind, record.date,
                       [who] if who else record.mentions, raw=dict(record.raw, **raw))
        self.reclassering[file].append(again)
        return again

    def rec_withdraw(self, record, file):
        self.reclassering[file].append(Record("reclassering", RECLASSERING_FILES[file], record.reference, record.version + 1,
                                              withdraw=True, raw={"soort": "INTREKKING"}))

    # --- jeugdzorg ---

    def jz(self, who, reden="ZM", hoedanigheid="002", others=(), date=None, held="", **raw):
        number = len(self.jeugdzorg) + 1
        date = date or day("jeugdzorg %d" % number, "2025-04-01", "2026-10-20")
        subject = dict(who, role=JEUGDZORG_ROLES[hoedanigheid], initials="", partner_prefix="", partner_surname="", usage="")
        raw.setdefault("summary", {"KM": "Zorgen over de veiligheid van het kind thuis.", "ZM": "Jongere onttrekt zich aan gezag.",
                                   "JR": "Jeugdreclasseringsmaatregel loopt.", "HG": "Geweld in het gezin gemeld.",
                                   "VZ": "Langdurig schoolverzuim.", "AM": "Verzoek om bespreking in het casusoverleg."}[reden])
        raw.setdefault("leefgebieden", {"KM": ["07"], "ZM": ["03", "05"], "JR": ["12"], "HG": ["07"], "VZ": ["04"], "AM": ["03", "07"]}[reden])
        sent = "%04d%02d%02d%02d%02d00" % (date + (9 + pick("sent %d" % number, 8), pick("minute %d" % number, 60)))
        raw.update(reden=reden, hoedanigheid=hoedanigheid, message="BJZ-B%05d" % (8000 + number), sent=sent, reported=sent)
        raw.setdefault("request", "Graag bespreken in het overleg.")
        record = Record("jeugdzorg", "", "BJZ-M%05d" % (1000 + 17 * number), int(sent + "000"), JEUGDZORG_KINDS[reden], date,
                        [subject] + list(others), held=held, raw=raw)
        return self._post(record)

    def _post(self, record):
        record.file = "bjz-voorbeeldstad-%s.xml" % record.raw["message"].lower()
        self.jeugdzorg.append(record)
        return record

    def jz_again(self, record, sent=None, subject=None, withdraw=False, **raw):
        """The same report in another message: resent as it was, corrected (later), or taken back."""
        raw = dict(record.raw, message="BJZ-B%05d" % (8000 + len(self.jeugdzorg) + 1), sent=sent or record.raw["sent"], **raw)
        mentions = [subject] + record.mentions[1:] if subject else record.mentions
        return self._post(Record("jeugdzorg", "", record.reference, int((sent or record.raw["sent"]) + "000"), record.kind, record.date,
                                 mentions, withdraw=withdraw, raw=raw))


def who(someone, rol="V", **how):
    """A person in a police registration."""
    return dict(mention(someone, POLITIE_ROLES[rol], **how), rol=rol)


def client(someone, **how):
    return mention(someone, "pleger", **how)


def other(someone, relation, **how):
    """Somebody beside the subject of a jeugdzorg message: surname and number only."""
    fields = mention(someone, "kind" if relation == "015" else "overig", **how)
    surname = (fields["prefix"] + " " + fields["surname"]).strip()
    return dict(fields, relation=relation, surname=surname, prefix="", given="", initials="", birth=(), birth_place="",
                partner_prefix="", partner_surname="", usage="")


def veelplegers(town):
    """Known to politie, om and reclassering, each time written otherwise."""
    berg = person("vp-van-den-berg", "Dennis Johannes", "van den", "Berg", (1987, 4, 2), "M")
    town.pv(who(berg), klasse="VM2")
    town.pv(who(berg, address=make_address("moved")), 2, klasse="VM1")
    town.pv(who(berg, initials_only=True), 3, klasse="GW1")
    town.row(client(berg))
    town.rec(client(berg), "RISC", risico="hoog")
    town.rec(client(berg), "OVERTREDING", 2)

    amrani = person("vp-el-amrani", "Mohamed", "el", "Amrani", (1991, 11, 23), "M")
    town.pv(who(amrani, bsn="none", whole_surname=True, given="Mohammed"), klasse="VM3")
    town.row(client(amrani))
    town.rec(client(amrani, bsn="none", given="Mo"), "TOEZICHT_START")

    groot = person("vp-de-groot", "Kevin", "de", "Groot", (1987, 8, 19), "M")
    town.pv(who(groot), 2, klasse="DR1")
    town.row(client(groot, upper=True), "BRUTO")
    town.rec(client(groot, birth=(1987, 0, 0)), "RISC")

    bouzid = person("vp-bouzid", "Rachid", "", "Bouzid", (1979, 1, 30), "M")
    town.pv(who(bouzid, bsn="wrong"), klasse="VM1")
    town.row(client(bouzid, surname="BOUZID"), "NETTO")
    town.rec(client(bouzid), "TOEZICHT_START", 2)
    town.rec(client(bouzid), "EINDE", 2)

    meer = person("vp-van-der-meer", "Jeffrey", "van der", "Meer", (1993, 6, 6), "M")
    town.pv(who(meer), klasse="VM2")
    town.row(client(meer, bsn="none", whole_surname=True, upper=True, given="", initials="J."))
    town.rec(client(meer, surname="van der Meer", prefix="", initials_only=True), "RISC")

    yildiz = person("vp-yildiz", "Ömer", "", "Yıldız", (1985, 12, 12), "M", birth_place="Izmir")
    town.pv(who(yildiz), klasse="DR1")
    town.row(client(yildiz, surname="Yildiz", given="Omer", initials="O."), "BESL")
    town.rec(client(yildiz, bsn="none"), "TOEZICHT_START")

    janssen = person("vp-janssen", "Ruud", "", "Janssen", (1968, 3, 14), "M")
    town.pv(who(janssen, surname="Jansen"), 3, klasse="VM1")
    town.row(client(janssen), "BRUTO")
    town.rec(client(janssen, surname="Jansens", birth_text="1968"), "RISC", date=(2026, 5, 0), date_text="2026-05",
             registered=(2026, 6, 2))

    # Nobody knows his number: three partners, one name and birth date.
    silva = person("vp-da-silva", "João Miguel", "", "Ferreira da Silva", (1982, 2, 9), "M", birth_place="Porto")
    town.pv(who(silva, bsn="none", given="Joao"), klasse="VM1")
    town.row(client(silva, bsn="none"))
    town.rec(client(silva, bsn="none", initials_only=True), "RISC", 2)

    # Married, and known under either name; the number joins what the names do not.
    wit = person("vp-de-wit", "Chantal", "de", "Wit", (1990, 9, 27), "V", partner_surname="Bos", usage="V")
    town.pv(who(wit, surname="Bos-de Wit", prefix=""), klasse="VM1")
    town.row(client(wit, usage="E"), "TOM")
    town.rec(client(wit), "OVERTREDING")
    return berg


def not_ripe(town):
    """What looks like a veelpleger and is none."""
    old = person("np-old-case", "Herman", "", "Koster", (1951, 5, 5), "M")
    town.pv(who(old), klasse="VM1")
    town.row(client(old), "BRUTO")
    town.rec(client(old), "EINDE", date=(2009, 3, 17))

    victim = person("np-victim", "Joke", "", "Timmer", (1960, 10, 1), "V")
    town.pv([who(filler("np-thief", 1980, 1995)), who(victim, "S")], klasse="VM3")
    town.row(client(victim), "TOM")
    town.rec(client(victim), "RISC")

    # On the first list of the OM only: ripe for a while.
    left = person("np-left-the-list", "Marciano", "", "Koolman", (1989, 7, 7), "M", birth_place="Willemstad")
    town.pv(who(left), klasse="GW1")
    town.row(client(left), lists="1")
    town.rec(client(left), "TOEZICHT_START")
    town.on_the_way.append(("veelplegers", left.key, "the row left the second list of the om"))

    # The police took its only registration back.
    mistaken = person("np-taken-back", "Wim", "", "Hartog", (1972, 12, 24), "M")
    record = town.pv(who(mistaken), klasse="VM1")
    town.row(client(mistaken))
    town.rec(client(mistaken), "RISC")
    town.pv_withdraw(record, 2, "Verkeerde persoon geregistreerd")
    town.on_the_way.append(("veelplegers", mistaken.key, "the police took its registration back"))

    # Two men of one name, born on one day. Whose the third record is, nobody can tell.
    first = person("np-namesake-1", "Jan", "de", "Vries", (1990, 5, 14), "M")
    second = person("np-namesake-2", "Johan", "de", "Vries", (1990, 5, 14), "M", birth_place="Ons Dorp")
    town.pv(who(first), klasse="VM1")
    town.row(client(first))
    town.rec(client(first, bsn="none", given="", initials="J.", birth_place="", address=None), "RISC")
    town.pv(who(second), klasse="VK1", document="MUT")
    town.on_the_way.append(("veelplegers", first.key, "until the namesake is known, the third record seems his"))

    # Twins with one initial, told apart by their numbers only.
    for given in ("Sven", "Stijn"):
        twin = person("np-twin-" + given.lower(), given, "", "Hendriks", (2001, 2, 17), "M", home="hendriks")
        town.pv(who(twin), 2, klasse="OV1", document="MUT")
        town.row(client(twin), "TOM")
    town.rec(client(twin, bsn="none", initials_only=True), "RISC", 2)

    # Incomplete, and at three addresses: he may be one man, and it is for a person to say so.
    vague = person("np-vague", "Ali", "", "Hassan", (1984, 0, 0), "M", birth_place="")
    town.pv(who(vague, bsn="none", address=make_address("vague 1")), klasse="VM1")
    town.row(client(vague, bsn="none", address=make_address("vague 2")))
    town.rec(client(vague, bsn="none", address=make_address("vague 3")), "RISC")
    unknown = person("np-unknown", "", "", "Onbekend", (), "O", birth_place="")
    town.pv(who(unknown, bsn="none", address=None), 2, klasse="VM1")


def families(town, berg):
    """Households: what the police saw at the door and what jeugdzorg heard."""
    # 1: the father is the veelpleger above.
    mother = person("hg-berg-mother", "Sabrina", "", "Kuiper", (1990, 1, 11), "V", "vp-van-den-berg", partner_prefix="van den",
                    partner_surname="Berg", usage="N")
    daughter = person("hg-berg-daughter", "Lisa", "van den", "Berg", (2014, 5, 3), "V", "vp-van-den-berg")
    son = person("hg-berg-son", "Tim", "van den", "Berg", (2014, 5, 3), "M", "vp-van-den-berg")
    town.pv([who(berg), who(mother, "S"), who(daughter, "K"), who(son, "K", bsn="none")], klasse="HG1", severity=4)
    town.jz(client(daughter), "KM", "002", [other(mother, "027"), other(son, "003", bsn="none")])
    town.jz(client(son), "KM", "002", [other(berg, "027")])

    # 2: a mother reported as victim by both; the partner only once.
    mother = person("hg-mulder-mother", "Angela", "", "Mulder", (1985, 3, 22), "V", "mulder", partner_surname="Pietersz", usage="P")
    partner = person("hg-mulder-partner", "Glenn", "", "Pietersz", (1983, 9, 9), "M", "mulder", birth_place="Paramaribo")
    town.pv([who(partner), who(mother, "S", surname="Pietersz-Mulder")], 2, klasse="HG2")
    town.jz(client(mother), "HG", "002", [other(partner, "028", bsn="none")])

    # 3: father and child known to both; the child without a number at the police.
    father = person("hg-nowicki-father", "Krzysztof", "", "Nowicki", (1980, 6, 30), "M", "nowicki", birth_place="Łódź")
    child = person("hg-nowicki-child", "Zofia", "", "Nowicka", (2012, 8, 15), "V", "nowicki")
    town.pv([who(father), who(child, "S", bsn="none")], 3, klasse="KM1")
    town.jz(client(father), "HG", "001", [other(child, "015")])
    town.jz(client(child), "KM", "002")

    # 4: by hint: for the police a nuisance, marked by hand.
    girl = person("hg-hint-girl", "Romy", "", "van Santen", (2011, 11, 2), "V", "santen")
    aunt = person("hg-hint-aunt", "Bea", "", "van Santen", (1977, 4, 4), "V", "santen")
    town.pv([who(aunt), who(girl, "K")], 2, klasse="OV2", document="MUT", themes=["huiselijk-geweld"])
    town.jz(client(girl), "KM", "002", question="Ja, via school bekend.")

    # 5: a brother named as a child of the house, with his number; misspelt at the police.
    sister = person("hg-bakker-sister", "Anouk", "", "Bakker", (2009, 1, 19), "V", "bakker")
    brother = person("hg-bakker-brother", "Thijs", "", "Bakker", (2013, 7, 21), "M", "bakker")
    father = person("hg-bakker-father", "Gerrit", "", "Bakker", (1975, 2, 28), "M", "bakker")
    record = town.pv([who(father), who(sister, "S", surname="Baker"), who(brother, "K")], klasse="HG3")
    town.pv_again(record, 2, 2, raw={"summary": "Aangevuld na aangifte."})
    town.jz(client(sister), "KM", "002", [other(brother, "015"), other(father, "027")])

    # Not ripe: a child that one partner knows; a witness; neighbours; a report taken back.
    town.jz(client(person("hg-one-partner", "Mees", "", "Terpstra", (2016, 3, 3), "M")), "KM", "002")
    witness = person("hg-witness", "Corrie", "", "Blom", (1949, 8, 8), "V")
    town.pv([who(filler("hg-suspect", 1975, 1995)), who(filler("hg-victim", 1975, 1995), "S"), who(witness, "G")], klasse="HG1")
    town.jz(client(witness), "KM", "004")
    child = person("hg-taken-back", "Sem", "", "Roos", (2010, 10, 10), "M")
    town.pv([who(child, "K"), who(filler("hg-roos-parent", 1975, 1990))], klasse="HG2")
    record = town.jz(client(child), "KM", "002", date=(2026, 9, 1))
    town.jz_again(record, sent="20260915101500", withdraw=True)
    town.on_the_way.append(("huiselijk-geweld", child.key, "jeugdzorg took its report back"))


def youth(town):
    """Politie and jeugdzorg both worry."""
    yassin = person("rj-yassin", "Yassin", "", "Haddad", (2008, 6, 12), "M", "haddad")
    younes = person("rj-younes", "Younes", "", "Haddad", (2009, 12, 1), "M", "haddad")
    town.pv([who(yassin), who(younes, bsn="none")], klasse="OV1", document="MUT")
    town.jz(client(yassin), "JR", "001")
    town.jz(client(younes, given="Y."), "JR", "001")

    joey = person("rj-joey", "Joey", "", "Kramer", (2009, 4, 25), "M")
    town.pv(who(joey, bsn="wrong"), 2, klasse="VN1")
    town.pv(who(joey), 3, klasse="OV1", document="MUT")
    town.jz(client(joey), "VZ", "001")

    shania = person("rj-shania", "Shania", "", "Martis", (2010, 2, 2), "V", birth_place="Willemstad")
    record = town.pv(who(shania, bsn="none", birth=(2010, 2, 20)), klasse="VM1")
    town.pv_again(record, 2, 2, mentions=[who(shania)])  # the number and birth date corrected
    town.jz(client(shania), "ZM", "001", [other(person("rj-shania-mother", "Gladys", "", "Martis", (1986, 1, 1), "V", "rj-shania"), "027")])

    # Twin brothers: other initials, so a birth date and a surname do not join them.
    for given in ("Daan", "Levi"):
        twin = person("rj-twin-" + given.lower(), given, "van", "Houten", (2009, 9, 30), "M", "houten")
        town.pv(who(twin, bsn="none" if given == "Levi" else None), 2, klasse="OV1", document="MUT")
        town.jz(client(twin, whole_surname=True), "JR", "001")

    rosa = person("rj-rosa", "Rosa-Lynn", "", "de Ruiter", (2008, 11, 8), "V")
    town.pv(who(rosa), klasse="GW1")
    record = town.jz(client(rosa, surname="Ruyter", prefix="de", bsn="none"), "ZM", "001", date=(2026, 7, 6))
    town.jz_again(record, sent="20260720113000", subject=dict(record.mentions[0], bsn=rosa.bsn, surname="Ruiter"), correction=True)

    # Not ripe: reported as victim; jeugdzorg alone; the police alone; one birth date unknown.
    victim = person("rj-victim", "Kim", "", "Peeters", (2010, 3, 16), "V")
    town.pv(who(victim), 3, klasse="VN1")
    town.jz(client(victim), "ZM", "002")
    unknown = person("rj-no-day", "Bilal", "", "Ziani", (2009, 0, 0), "M", birth_place="Nador")
    town.pv(who(unknown, bsn="none"), klasse="OV1", document="MUT")
    town.jz(client(unknown, bsn="none"), "JR", "001")
    month = person("rj-no-month", "Amber", "", "Faber", (2011, 5, 0), "V")
    town.jz(client(month, bsn="none"), "AM", "001")


def defects(town):
    """Duplicates, corrections, withdrawals, and the six records that cannot be used."""
    someone = filler("d-duplicate", 1970, 1995)
    record = town.pv(who(someone), klasse="VK1", document="MUT")
    town.pv_again(record, 1)  # twice in one file
    record = town.pv(who(filler("d-across", 1970, 1995)), klasse="VM1")
    town.pv_again(record, 2)  # and in the next
    record = town.pv(who(filler("d-corrected", 1970, 1995), bsn="wrong"), 2, klasse="GW2")
    town.pv_again(record, 3, 2, mentions=[who(filler("d-corrected", 1970, 1995))])
    wrong = filler("d-withdrawn", 1970, 1995)
    record = town.pv(who(wrong), 2, klasse="IN9", document="MUT")
    town.pv(who(wrong), 2, klasse="VK1", document="MUT")
    town.pv_withdraw(record, 3, "Dubbel opgemaakt")
    town.pv(who(filler("d-unknown-code", 1970, 1995)), 2, klasse="XX7", held="KIND")
    town.pv([who(filler("d-good-half", 1970, 1995), "S"), who(filler("d-bad-bsn", 1970, 1995), bsn="9123456")], 3, klasse="GW1", held="BSN")

    town.row(client(filler("d-repaired", 1970, 1995)), held_first="DATE")  # 31 February on the first list, repaired on the second
    moved = filler("d-moved", 1970, 1995)
    town.row(client(moved), second=client(moved, address=make_address("d-moved-to")), summary='Zie ook; "oude" lijst')
    married = person("d-married", "Priscilla", "", "Vos", (1994, 8, 30), "V")
    town.row(client(married), second=client(married, partner_prefix="van", partner_surname="Loon", usage="N"))
    wrong = filler("d-bsn-found", 1970, 1995)
    town.row(client(wrong, bsn="none"), second=client(wrong))

    record = town.rec(client(filler("d-twice", 1975, 2000)), "TOEZICHT_START")
    town.rec_again(record, 2)
    late = filler("d-late", 1975, 2000)
    record = town.rec(client(late, surname="Oudenaam"), "RISC")
    town.rec_again(record, 1, 3, client(late), toelichting="Tweede correctie: naam hersteld.")
    town.rec_again(record, 2, 2, client(late), toelichting="Eerste correctie, te laat verzonden.")  # older than what came before
    gone = filler("d-gone", 1975, 2000)
    town.rec(client(gone), "TOEZICHT_START")
    record = town.rec(client(gone), "OVERTREDING")
    town.rec_withdraw(record, 2)
    town.rec(client(filler("d-cut", 1975, 2000)), "RISC", 2, held="RECORD", cut=True).reference = ""
    town.rec(client(filler("d-no-id", 1975, 2000)), "OVERTREDING", held="REFERENCE", no_id=True)

    record = town.jz(client(filler("d-resent", 2008, 2014)), "ZM", "002")
    town.jz_again(record)
    nobody = client(person("d-nobody", "", "", "", (), "O", birth_place=""), bsn="none", address=None)
    town.jz(nobody, "AM", "005", held="PERSON")


def daily_work(town):
    """The rest: people whom one partner knows, areas without a person, until the exports have their size."""
    for i, area in enumerate(AREAS):
        town.pv([], 1 + i % 3, klasse=("OV1", "OV2", "WO1", "DR1")[i % 4], document="MUT", area=area, place=None,
                summary="Aandachtsgebied: meldingen van omwonenden.")
    klassen = ("VM1", "VK1", "GW1", "OV2", "WO1", "VN1", "DR1", "IN9")
    i = 0
    while sum(map(len, town.politie.values())) < 92:
        suspect = filler("f-politie-%d" % i, 1960, 2004)
        people = [who(suspect, bsn="none" if i % 6 == 5 else None, initials_only=i % 4 == 3)]
        if i % 3 == 0:
            people.append(who(filler("f-aangever-%d" % i, 1945, 2000), "AB"[i % 2], bsn="none" if i % 2 else None))
        town.pv(people, 1 + i % 3, klasse=klassen[i % len(klassen)], document="MUT" if i % 2 else "PV")
        i += 1
    i = 0
    while len(town.om[0]) < 36:
        # A part of them the police knows too: two partners, and a veelpleger needs three.
        known = i % 3 == 0
        town.row(client(filler("f-politie-%d" % i if known else "f-om-%d" % i, 1960, 2004) if known else filler("f-om-%d" % i, 1960, 2000)),
                 ("BRUTO", "NETTO", "BESL", "TOM")[i % 4], lists="1" if i in (4, 7) else "12")
        i += 1
    for i in range(3):
        town.row(client(filler("f-joined-%d" % i, 1965, 2000)), "NETTO", lists="2")
    i = 0
    while sum(map(len, town.reclassering.values())) < 60:
        someone = filler("f-reclassering-%d" % (i // 2), 1960, 2002)
        how = {"birth": (someone.birth[0], 0, 0)} if i % 7 == 3 else {}
        town.rec(client(someone, **how), ("RISC", "TOEZICHT_START", "OVERTREDING", "EINDE")[i % 4], 1 + i % 2)
        i += 1
    i = 0
    while len(town.jeugdzorg) < 45:
        child = filler("f-jeugdzorg-%d" % i, 2008, 2019)
        parent = filler("f-parent-%d" % i, 1975, 1992)
        town.jz(client(child, bsn="none" if i % 5 == 4 else None), ("ZM", "KM", "VZ", "AM")[i % 4], ("002", "002", "001", "005")[i % 4],
                [other(parent, "027")] if i % 2 else [], incident=i % 3 != 0)
        i += 1


def tell():
    town = Town()
    berg = veelplegers(town)
    not_ripe(town)
    families(town, berg)
    youth(town)
    defects(town)
    daily_work(town)
    return town
