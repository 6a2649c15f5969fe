# SPDX-License-Identifier: EUPL-1.2
"""What the hub must make of the records: worked out here from the people, by the rules in words and without any code of the hub.

1. Of each (partner, reference) the highest version holds; a withdrawal takes the reference away, also from what comes later.
2. Who a mention is about, the people behind the exports know. But one without a valid BSN is a person of its own when it says too little
   (neither the day nor the place of birth), or when two people with BSNs carry its surname, initial and birth date.
3. A person is ripe for a theme when he meets its criterion: so many signals or partners, in a counted kind (or with a theme as hint) and role
   within the period; an age; all or any of such. What counts are the signals of the parts that are met.
"""
import collections
import datetime
import unicodedata

TUSSENVOEGSELS = set("van de den der ten ter te het t s in op aan bij uit over la le du von zu el al ben bin ait v d vd".split())
PLAIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "ĸ": "k", "ħ": "h", "ŧ": "t", "þ": "th"}


def words(text):
    out = ""
    for letter in unicodedata.normalize("NFKD", text).lower():
        if not unicodedata.combining(letter):
            out += PLAIN.get(letter, letter if letter in "abcdefghijklmnopqrstuvwxyz0123456789" else " ")
    return out.split()


def name_key(mention):
    surname = words(mention["surname"])
    while len(surname) > 1 and surname[0] in TUSSENVOEGSELS:
        surname.pop(0)
    first = words(mention["given"]) or words(mention["initials"])
    birth = mention["birth"]
    if not surname or not first or not birth or 0 in birth:
        return None
    return "".join(surname), first[0][0], tuple(birth)


def valid_bsn(bsn):
    return len(bsn) == 9 and bsn.isdigit() and sum(int(d) * w for d, w in zip(bsn, (9, 8, 7, 6, 5, 4, 3, 2, -1))) % 11 == 0


class Outcomes:
    """Counts for each partner, and the records that hold in the end."""

    def __init__(self):
        self.counts = collections.defaultdict(collections.Counter)
        self.held = []
        self.live = {}
        self._seen = {}
        self._highest = {}
        self._all = []

    def again(self, partner):
        """What the same files give when they are fed once more."""
        count = collections.Counter()
        for record in self._all:
            if record.partner == partner:
                count["held" if record.held else "duplicate"] += 1
        return count

    def add(self, record, content, read=True):
        count = self.counts[record.partner]
        self._all.append(record)
        count["read"] += 1 if read else 0
        if record.held:
            count["held"] += 1
            self.held.append(record)
            return
        key = (record.partner, record.reference)
        seen = self._seen.get(key + (record.version,))
        if seen is not None:
            assert seen == content, ("same version, other content", key)
            count["duplicate"] += 1
            return
        self._seen[key + (record.version,)] = content
        highest = self._highest.get(key, 0)
        if record.version < highest:
            count["superseded"] += 1
            return
        self._highest[key] = record.version
        if record.withdraw:
            count["withdrawn"] += 1
            self.live.pop(key)
        else:
            count["replaced" if highest else "new"] += 1
            self.live[key] = record


def group(records):
    """persons: list of lists of (record, mention). Who it is, as the people behind the exports know; but what has no number and fits
    two people, or says too little, is given to nobody."""
    numbers_of = collections.defaultdict(set)
    for record in records:
        for mention in record.mentions:
            if valid_bsn(mention["bsn"]) and name_key(mention):
                numbers_of[name_key(mention)].add(mention["bsn"])
    persons, alone = {}, []
    for record in records:
        for mention in record.mentions:
            too_little = not mention["birth"] or (0 in mention["birth"] and not mention["birth_place"])
            in_doubt = not valid_bsn(mention["bsn"]) and (too_little or len(numbers_of[name_key(mention)]) > 1)
            if in_doubt:
                alone.append([(record, mention)])
            else:
                persons.setdefault(mention["who"], []).append((record, mention))
    return list(persons.values()) + alone


def months_before(day, months):
    month = day.year * 12 + day.month - 1 - months
    last = [31, 29 if month // 12 % 4 == 0 and (month // 12 % 100 or month // 12 % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return datetime.date(month // 12, month % 12 + 1, min(day.day, last[month % 12]))


def counted(criterion, person, today):
    since = datetime.date.min
    if "within_months" in criterion or "within_days" in criterion:
        since = months_before(today, int(criterion.get("within_months", 0))) - datetime.timedelta(days=int(criterion.get("within_days", 0)))
    for record, mention in person:
        date = datetime.date(record.date[0], record.date[1] or 1, record.date[2] or 1)
        kind = record.kind in criterion.get("kinds", [record.kind]) or set(criterion.get("hints", [])) & set(record.themes)
        if kind and date > since and mention["role"] in criterion.get("roles", [mention["role"]]):
            yield record


def age(person, today):
    """As most of his signals have it, all of the date known; None: it cannot be told."""
    births = collections.Counter(mention["birth"] for _, mention in person if mention["birth"] and 0 not in mention["birth"])
    if not births:
        return None
    year, month, day = sorted(births.items(), key=lambda item: (-item[1], item[0]))[0][0]
    return today.year - year - ((today.month, today.day) < (month, day))


def judge(criteria, name, person, today):
    """Whether he meets it (None: cannot be told), and by which records."""
    criterion = criteria[name]
    for what in ("signals", "partners"):
        if what + "_min" in criterion:
            records = list(counted(criterion, person, today))
            value = len(records) if what == "signals" else len({record.partner for record in records})
            return value >= int(criterion[what + "_min"]), records
    if "age_min" in criterion or "age_max" in criterion:
        years = age(person, today)
        return None if years is None else int(criterion.get("age_min", 0)) <= years <= int(criterion.get("age_max", 999)), []
    parts = [judge(criteria, part, person, today) for part in criterion.get("all") or criterion["any"]]
    truths = [truth for truth, _ in parts]
    if "all" in criterion:
        truth = False if False in truths else None if None in truths else True
    else:
        truth = True if True in truths else None if None in truths else False
    return truth, [record for part, records in parts if part for record in records]


def label(person):
    return sorted({mention["who"] for _, mention in person})[0]


def ripe(themes, criteria, persons, today):
    """Rows (theme, label, partners, counted references)."""
    rows = []
    for theme in themes:
        for person in persons:
            truth, records = judge(criteria, theme["criterion"], person, today)
            if truth:
                references = sorted({"%s:%s" % (record.partner, record.reference) for record in records})
                rows.append((theme, label(person), sorted({record.partner for record in records}), references))
    return sorted(rows, key=lambda row: (row[0]["id"], row[1]))


def table(outcomes, house, on_the_way, today):
    themes, criteria, granted = house
    persons = group(outcomes.live.values())
    rows = ripe(themes, criteria, persons, today)
    out = [
        "# SPDX-License-Identifier: EUPL-1.2",
        "# What the demo must see; made by tests/data/make_voorbeeldstad.py from its people, not by running the hub. Fields between tabs.",
        "# records <partner> <read|new|replaced|duplicate|superseded|withdrawn|held> <number>",
        "#   read: registrations and withdrawals, rows, lines, messages. withdrawn of om: rows that left the list (they are not read).",
        "#   duplicate of om: rows of the second list that did not change.",
        "# again <partner> <duplicate|held> <number>: when the same files are fed once more (not om: its lists are compared with the last one).",
        "#   A version that was overtaken, by a higher one or by a withdrawal, is a duplicate too: of itself.",
        "# held <partner> <file> <reference or -> <code>",
        "# persons <all|with-bsn|without-bsn> <number>: with at least one signal that holds in the end",
        "# ripe <theme> <person> <partners> <rule> <counted signals as partner:reference>: in the end. An alert on the way counts some of these",
        "# told <theme> <person> <partner>: hears \"also known elsewhere\"; by the grants and the theme's list, when it has a counted signal",
        "# on-the-way <theme> <person> <signals>: may be ripe for a while, by the order of arrival, and must have lapsed in the end",
    ]
    for partner in ("politie", "om", "reclassering", "jeugdzorg"):
        for name in ("read", "new", "replaced", "duplicate", "superseded", "withdrawn", "held"):
            out.append("records\t%s\t%s\t%d" % (partner, name, outcomes.counts[partner][name]))
    for partner in ("politie", "reclassering", "jeugdzorg"):
        for name in ("duplicate", "held"):
            out.append("again\t%s\t%s\t%d" % (partner, name, outcomes.again(partner)[name]))
    for record in outcomes.held:
        out.append("held\t%s\t%s\t%s\t%s" % (record.partner, record.file, record.reference or "-", record.held))
    with_bsn = sum(1 for person in persons if any(valid_bsn(mention["bsn"]) for _, mention in person))
    out.append("persons\tall\t%d" % len(persons))
    out.append("persons\twith-bsn\t%d" % with_bsn)
    out.append("persons\twithout-bsn\t%d" % (len(persons) - with_bsn))
    for theme, name, partners, references in rows:
        out.append("ripe\t%s\t%s\t%s\t%s\t%s" % (theme["id"], name, ",".join(partners), theme["criterion"], ",".join(references)))
    for theme, name, partners, _ in rows:
        for partner in partners:
            if partner in theme.get("tell", []) and partner in granted:
                out.append("told\t%s\t%s\t%s" % (theme["id"], name, partner))
    out += ["on-the-way\t%s\t%s\t%s" % row for row in on_the_way]
    return "\n".join(out) + "\n", persons, rows
