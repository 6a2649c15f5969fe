#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""The example house's exports: read here by the words of their README, without the script that made them or any code of the hub, they
give what expected.tsv says. And they are what that script makes today; and jeugdzorg's validate, where the official schemas are at hand.
"""
# check: not under asan: nothing of ours in C runs here
# check: not under tsan: the same
import collections
import csv
import datetime
import glob
import io
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
import unittest
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOUSE = os.path.join(ROOT, "config/voorbeeldstad")
BPS = "{urn:voorbeeldstad:politie:bps:3}"
SCHEMA = "gm/jz0100_msg_gmberichten_resolved2025.xsd"
PREFIXES = {"van", "de", "den", "der", "ten", "ter", "el"}

Signal = collections.namedtuple("Signal", "partner reference version withdraw kind date themes persons content")
Mention = collections.namedtuple("Mention", "role bsn key year_key")


class Held(Exception):
    """A record that cannot be used; its code."""


def eleven(bsn):
    return sum(int(bsn[i]) * (9 - i) for i in range(8)) % 11 == int(bsn[8]) % 11


def plain(text):
    text = "".join({"ı": "i", "ł": "l", "Ł": "L"}.get(letter, letter) for letter in text)
    text = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return re.findall("[a-z0-9]+", text.lower())


def check_date(year, month, day):
    if not 1850 <= year <= 2199 or month > 12 or (month == 0 and day):
        raise Held("DATE")
    if month and day:
        try:
            datetime.date(year, month, day)
        except ValueError as error:
            raise Held("DATE") from error
    return year, month, day


def mention(role, bsn, surname, given, initials, birth, place):
    bsn = bsn or ""
    if bsn and not re.fullmatch("[0-9]{9}", bsn):
        raise Held("BSN")
    if not bsn and not surname:
        raise Held("PERSON")
    name = plain(surname or "")
    while len(name) > 1 and name[0] in PREFIXES:
        name = name[1:]
    first = plain(given or "") or plain(initials or "")
    key = ("".join(name), first[0][0], birth) if name and first and birth and all(birth) else None
    year_key = ("".join(name), first[0], birth[0], place) if name and first and len(first[0]) > 1 and birth and place else None
    return Mention(role, bsn if bsn and eleven(bsn) else "", key, year_key)


# --- the four formats ---

POLITIE_KINDS = {"HG": "huiselijk-geweld", "KM": "kindermishandeling", "OV": "overlast", "WO": "woonoverlast"}


def politie_record(element):
    def text(parent, name):
        found = parent.find(BPS + name)
        return (found.text or "").strip() if found is not None else ""
    reference, version = element.get("nummer"), int(element.get("mutatie"))
    if element.tag == BPS + "intrekking":
        return Signal("politie", reference, version, True, "", None, [], [], None)
    code = element.find(BPS + "klasse").get("code")
    if not re.fullmatch("HG[123]|KM1|OV[12]|WO1|DR1|VM[123]|GW[12]|VN1|VK1|IN9", code):
        raise Held("KIND")
    proces = text(element, "document") == "PV" and code != "IN9"
    kind = POLITIE_KINDS.get(code[:2], "proces-verbaal" if proces else "incident")
    date = check_date(*map(int, text(element, "datum").split("-")))
    persons = []
    for person in element.iter(BPS + "betrokkene"):
        role = {"V": "pleger", "S": "slachtoffer", "B": "slachtoffer", "G": "getuige", "K": "kind"}.get(person.get("rol"), "overig")
        birth = text(person, "geboortedatum")
        persons.append(mention(role, text(person, "bsn"), text(person, "geslachtsnaam"), text(person, "voornamen"),
                               text(person, "voorletters"), check_date(*map(int, birth.split("-"))) if birth else None,
                               text(person, "geboorteplaats")))
    themes = [theme.text for theme in element.findall(BPS + "thema")]
    return Signal("politie", reference, version, False, kind, date, themes, persons, xml.etree.ElementTree.tostring(element))


def read_politie(path):
    root = xml.etree.ElementTree.parse(path).getroot()
    assert root.tag == BPS + "registraties" and int(root.get("aantal")) == len(root), path
    for element in root:
        yield element.get("nummer"), lambda element=element: politie_record(element)


def om_row(row, version):
    if row["SOORT"] not in ("BRUTO", "NETTO", "BESL", "TOM"):
        raise Held("KIND")
    kind = "recidivelijst" if row["SOORT"] in ("BRUTO", "NETTO") else "beslissing"

    def date(text):
        day, month, year = map(int, text.split("-"))
        return check_date(year, month, day)
    birth = date(row["GEBDATUM"]) if row["GEBDATUM"] else None
    incident = date(row["DATUM"])
    person = mention("pleger", row["BSN"], row["NAAM"], row["VOORNAMEN"], row["VOORLETTERS"], birth, row["GEBPLAATS"])
    return Signal("om", row["VOLGNUMMER"], version, False, kind, incident, [], [person], tuple(row.values()))


def read_om(paths):
    """Both lists, compared: (file, reference, maker, read)."""
    versions, contents, kept = {}, {}, set()
    for path in paths:
        with open(path, encoding="iso-8859-1", newline="") as file:
            lines = file.read().split("\r\n")
        assert lines[-1] == "" and lines[-2] == "EINDE;%d" % (len(lines) - 3), path
        rows = list(csv.DictReader(io.StringIO("\n".join(lines[:-2])), delimiter=";"))
        assert len(rows[0]) == 21
        for reference in sorted(kept - {row["VOLGNUMMER"] for row in rows}):
            yield path, reference, lambda r=reference: Signal("om", r, versions[r] + 1, True, "", None, [], [], None), False
        for row in rows:
            reference, content = row["VOLGNUMMER"], tuple(row.values())
            version = versions.get(reference, 0) + (contents.get(reference) != content)

            def make(row=row, version=version):
                signal = om_row(row, version)
                versions[signal.reference], contents[signal.reference] = version, signal.content
                kept.add(signal.reference)
                return signal
            yield path, reference, make, True


def reclassering_line(line):
    try:
        record = json.loads(line)
    except ValueError as error:
        raise Held("RECORD") from error
    if not record.get("id"):
        raise Held("REFERENCE")

    def date(text):
        return check_date(*(list(map(int, text.split("-"))) + [0, 0])[:3])
    if record["soort"] == "INTREKKING":
        return Signal("reclassering", record["id"], record["versie"], True, "", None, [], [], None)
    kind = {"RISC": "risc", "TOEZICHT_START": "toezicht-start", "OVERTREDING": "toezicht-overtreding",
            "EINDE": "toezicht-einde"}[record["soort"]]
    client = record["client"]
    datetime.datetime.fromisoformat(record["geregistreerd"])
    birth = date(client["geboortedatum"]) if client.get("geboortedatum") else None
    person = mention("pleger", client.get("bsn"), client.get("achternaam"), client.get("voornamen"), client.get("voorletters"), birth,
                     client.get("geboorteplaats"))
    return Signal("reclassering", record["id"], record["versie"], False, kind, date(record["datum"]), [], [person], line)


def read_reclassering(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            found = re.match(r'\{"id":"([^"]+)"', line)
            yield found.group(1) if found and line.endswith("}\n") else "", lambda line=line: reclassering_line(line)


def local(element, *path):
    """Text of the first element with this path of local names; "" when absent or nil."""
    found = element.find("/".join("{*}" + name for name in path))
    return (found.text or "").strip() if found is not None else ""


def jeugdzorg_message(root):
    message = next(child for child in root if child.tag.endswith("}object"))
    reference = local(message, "identificatie")
    version = int(local(root, "stuurgegevens", "tijdstipBericht").ljust(17, "0"))
    situation = message.find("{*}betreft/{*}gerelateerde")
    if situation.get("verwerkingssoort") == "V":
        return Signal("jeugdzorg", reference, version, True, "", None, [], [], None)
    kind = {"KM": "kindermishandeling", "ZM": "zorgmelding", "JR": "jeugdreclassering", "HG": "huiselijk-geweld", "VZ": "verzuim",
            "AM": "aanmelding"}[local(message, "redenMelding", "code")]
    digits = local(situation, "kent", "gerelateerde", "datumTijd") or local(message, "datumTijdMelding")
    date = check_date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    about = message.find("{*}heeftBetrekkingOp")
    person = about.find("{*}gerelateerde/{*}natuurlijkPersoon")
    role = {"001": "pleger", "002": "slachtoffer", "003": "slachtoffer", "004": "getuige"}.get(local(about, "hoedanigheid"), "overig")
    birth = person.find("{*}geboortedatum")
    known = None
    if birth is not None and birth.text:
        full = next((value for name, value in birth.attrib.items() if name.endswith("indOnvolledigeDatum")), "V")
        text = birth.text
        known = (int(text[:4]), 0 if full == "M" else int(text[4:6]), 0 if full in "MD" else int(text[6:8]))
    persons = [mention(role, local(person, "inp.bsn"), local(person, "geslachtsnaam"), local(person, "voornamen"), "", known,
                       local(person, "inp.geboorteplaats"))]
    for beside in message.findall("{*}heeftAlsOverigBetrokkene"):
        other = beside.find("{*}gerelateerde/{*}natuurlijkPersoon")
        persons.append(mention("kind" if local(beside, "betrokkenheidRelatie") == "015" else "overig", local(other, "inp.bsn"),
                               local(other, "naam"), "", "", None, None))
    return Signal("jeugdzorg", reference, version, False, kind, date, [], persons, (reference, version))


def read_jeugdzorg(path):
    root = xml.etree.ElementTree.parse(path).getroot()
    yield local(root, "object", "identificatie"), lambda: jeugdzorg_message(root)


def records():
    """(partner, file name, reference, maker, read) in the order in which they are fed."""
    for name, reader in (("politie", read_politie), ("reclassering", read_reclassering), ("jeugdzorg", read_jeugdzorg)):
        for path in sorted(glob.glob(os.path.join(HOUSE, "exports", name, "*.*"))):
            for reference, make in reader(path):
                yield name, os.path.basename(path), reference, make, True
    for path, reference, make, read in read_om(sorted(glob.glob(os.path.join(HOUSE, "exports/om/*.csv")))):
        yield "om", os.path.basename(path), reference, make, read


# --- what follows from them ---

def outcomes():
    counts, held, live, seen = collections.Counter(), set(), {}, {}
    for partner, file, reference, make, read in records():
        counts[partner, "read"] += read
        try:
            signal = make()
        except Held as error:
            counts[partner, "held"] += 1
            held.add((partner, file, reference or "-", str(error)))
            continue
        versions = seen.setdefault((partner, signal.reference), {})
        if signal.version in versions:
            assert versions[signal.version] == signal.content, reference
            counts[partner, "duplicate"] += 1
        elif versions and signal.version < max(versions):
            counts[partner, "superseded"] += 1
        elif signal.withdraw:
            counts[partner, "withdrawn"] += 1
            del live[partner, signal.reference]
        else:
            counts[partner, "replaced" if versions else "new"] += 1
            live[partner, signal.reference] = signal
        versions[signal.version] = signal.content
    return counts, held, live


def grouping(live):
    names = collections.defaultdict(set)
    for signal in live.values():
        for person in signal.persons:
            if person.bsn and person.key:
                names[person.key].add(person.bsn)
    persons = collections.defaultdict(list)
    for where, signal in live.items():
        for i, person in enumerate(signal.persons):
            by_key = person.key and (min(names[person.key]) if len(names[person.key]) == 1 else person.key)
            whose = person.bsn or by_key or person.year_key or (where, i)
            persons[whose].append((signal, person.role))
    return persons


def house():
    """Themes and grants, by `knooppunt config dump`'s own shape when PyYAML is absent: one list of pairs for each item."""
    with open(os.path.join(HOUSE, "house.yaml"), encoding="utf-8") as file:
        text = re.sub(r"(?m)(^|\s)#.*$", "", file.read())
    parts = dict(re.findall(r"(?ms)^(\w+):\n(.*?)(?=^\w|\Z)", text))
    items = {name: [dict(re.findall(r"(\w+): (.*?) *$", item, re.M)) for item in re.split(r"(?m)^  - ", parts[name])[1:]]
             for name in ("partners", "criteria", "themes")}
    return items["themes"], {item["id"]: item for item in items["criteria"]}, {item["id"] for item in items["partners"] if item.get("known_elsewhere") == "true"}


def names(value):
    return set(re.findall(r"[\w-]+", value))


def judge(criteria, name, signals, today):
    """Whether it is met (None: of an age nothing is told here), and by which signals."""
    criterion = criteria[name]
    parts = names(criterion.get("all", criterion.get("any", "")))
    if parts:
        found = [judge(criteria, part, signals, today) for part in parts]
        stop = "any" in criterion  # what settles it: one that is so of any, one that is not of all
        truths = {truth for truth, _ in found}
        truth = stop if stop in truths else None if None in truths else not stop
        return truth, {signal for so, counted in found if so for signal in counted}
    if "age_min" in criterion:
        return None, set()
    days = int(criterion.get("within_days", 0)) + int(int(criterion.get("within_months", 0)) * 30.4)
    oldest = today - datetime.timedelta(days=days or 100000)
    counted = {(signal.partner, signal.reference) for signal, role in signals
               if (signal.kind in names(criterion["kinds"]) or names(criterion.get("hints", "")) & set(signal.themes))
               and role in names(criterion["roles"])
               and datetime.date(signal.date[0], signal.date[1] or 1, signal.date[2] or 1) > oldest}
    if "signals_min" in criterion:
        return len(counted) >= int(criterion["signals_min"]), counted
    return len({partner for partner, _ in counted}) >= int(criterion["partners_min"]), counted


def ripe(persons, today):
    themes, criteria, granted = house()
    rows, told = set(), set()
    for theme in themes:
        for signals in persons.values():
            truth, counted = judge(criteria, theme["criterion"], signals, today)
            assert truth is not None, theme  # nobody in the example is one of them by his age
            if truth:
                partners = {partner for partner, _ in counted}
                references = frozenset("%s:%s" % pair for pair in counted)
                rows.add((theme["id"], frozenset(partners), references))
                told |= {(theme["id"], references, partner) for partner in partners & granted & names(theme["tell"])}
    return rows, told


class Example(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(HOUSE, "expected.tsv"), encoding="utf-8") as file:
            cls.rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
        cls.counts, cls.held, live = outcomes()
        cls.persons = grouping(live)

    def expected(self, name):
        return [row[1:] for row in self.rows if row[0] == name]

    def test_counts(self):
        for partner, name, number in self.expected("records"):
            self.assertEqual((partner, name, self.counts[partner, name]), (partner, name, int(number)))
        self.assertEqual(len(self.expected("records")), 28)
        self.assertGreaterEqual(sum(self.counts[partner, "read"] for partner in ("politie", "om", "reclassering", "jeugdzorg")), 250)

    def test_held(self):
        self.assertEqual(self.held, {tuple(row) for row in self.expected("held")})
        self.assertEqual(len({code for _, _, _, code in self.held}), 6)

    def test_persons(self):
        numbers = dict(self.expected("persons"))
        with_bsn = sum(1 for whose in self.persons if isinstance(whose, str))
        self.assertEqual(numbers, {"all": str(len(self.persons)), "with-bsn": str(with_bsn),
                                   "without-bsn": str(len(self.persons) - with_bsn)})
        self.assertGreaterEqual(len(self.persons), 80)

    def test_ripe_and_told_for_years(self):
        want = {(theme, frozenset(partners.split(",")), frozenset(signals.split(",")))
                for theme, _, partners, _, signals in self.expected("ripe")}
        labels = {(theme, label): frozenset(signals.split(",")) for theme, label, _, _, signals in self.expected("ripe")}
        want_told = {(theme, labels[theme, label], partner) for theme, label, partner in self.expected("told")}
        for today in (datetime.date(2026, 11, 1), datetime.date(2030, 2, 28), datetime.date(2034, 12, 31)):
            rows, told = ripe(self.persons, today)
            self.assertEqual(rows, want)
            self.assertEqual(told, want_told)

    def test_numbers_are_of_the_series_for_tests(self):
        for path in glob.glob(os.path.join(HOUSE, "exports/*/*.*")):
            with open(path, encoding="iso-8859-1") as file:
                for number in re.findall(r'(?:bsn>|"bsn":"|;)(\d{9})(?=[<";])', file.read()):
                    self.assertEqual(number[0], "9", path)

    def test_files_are_what_the_script_makes(self):
        made = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "tests/data/make_voorbeeldstad.py"), "--check"],
                              stderr=subprocess.PIPE, check=False)
        self.assertEqual((made.returncode, made.stderr.decode()), (0, ""))

    def test_jeugdzorg_validates(self):
        base = os.environ.get("TEST_DATA_DIR", "")
        schemas = [path for path in (os.path.join(base, SCHEMA), os.path.join(base, "stuf-jeugdzorg-1.0.9", SCHEMA)) if os.path.exists(path)]
        if not base or not schemas or not shutil.which("xmllint"):
            self.skipTest("needs xmllint, and the schemas of StUF-Jeugdzorg 1.0.9 in TEST_DATA_DIR")
        files = glob.glob(os.path.join(HOUSE, "exports/jeugdzorg/*.xml"))
        self.assertEqual(len(files), 45)
        lint = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", schemas[0]] + files, stderr=subprocess.PIPE, check=False)
        self.assertEqual(lint.returncode, 0, lint.stderr.decode()[:2000])


if __name__ == "__main__":
    unittest.main()
