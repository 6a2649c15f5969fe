#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Makes the exports of the example house, and expected.tsv: what the demo must see.

usage: tests/data/make_voorbeeldstad.py [--check]

Without --check the files below config/voorbeeldstad are written; with it nothing is written, and the exit code is 1 when a file is not
what would be written. Nothing is random and no clock is read: the same files come out everywhere.
"""
import datetime
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "voorbeeldstad"))
# pylint: disable=wrong-import-position
import expected
import formats
import stories

HOUSE = os.path.join(ROOT, "config/voorbeeldstad")
COUNTS_UNTIL = datetime.date(2034, 12, 31)


def read_house():
    """Themes, criteria by id, and grants from house.yaml, by the few shapes of line that the file uses."""
    sections, section = {"partners": [], "criteria": [], "themes": []}, ""
    with open(os.path.join(HOUSE, "house.yaml"), encoding="utf-8") as file:
        for line in file:
            line = re.sub(r"(^|\s)#.*", "", line.rstrip())
            if re.match(r"\w+:", line):
                section = line.split(":")[0]
            found = re.match(r"  (- |  )(\w+): (.*)", line)
            if not found or section not in sections:
                continue
            dash, name, value = found.groups()
            if dash == "- ":
                sections[section].append({})
            is_list = value.startswith("[")
            sections[section][-1][name] = [part.strip() for part in value.strip("[]").split(",")] if is_list else value
    granted = {item["id"] for item in sections["partners"] if item.get("known_elsewhere") == "true"}
    return sections["themes"], {item["id"]: item for item in sections["criteria"]}, granted


def compare_lists(lists):
    """The second list against the first, as the adapter of the om does: versions, and withdrawals of what left."""
    rows, versions = {}, {}
    first, second = lists
    for record in first + second:
        row = formats.om_row(record)
        if not record.held:
            if rows.get(record.reference) != row:
                versions[record.reference] = versions.get(record.reference, 0) + 1
            rows[record.reference] = row
        record.version = versions.get(record.reference, 1)
        yield record, True
    for reference in sorted({record.reference for record in first if not record.held} - {record.reference for record in second}):
        yield stories.Record("om", stories.OM_FILES[1], reference, versions[reference] + 1, withdraw=True), False


def make():
    """{path below config/voorbeeldstad: bytes}"""
    town = stories.tell()
    files, outcomes = {}, expected.Outcomes()
    for number, (name, date) in stories.POLITIE_FILES.items():
        files["exports/politie/" + name] = formats.politie(town.politie[number], date)
    for name, records in zip(stories.OM_FILES, town.om):
        files["exports/om/" + name] = formats.om(records)
    for number, name in stories.RECLASSERING_FILES.items():
        files["exports/reclassering/" + name] = formats.reclassering(town.reclassering[number])
    for record in town.jeugdzorg:
        files["exports/jeugdzorg/" + record.file] = formats.jeugdzorg(record, stories.OIN_JEUGDZORG, stories.OIN_HOUSE)

    for records in town.politie.values():
        for record in records:
            outcomes.add(record, formats.politie([record], (2026, 11, 1)))
    for record, read in compare_lists(town.om):
        outcomes.add(record, formats.om_row(record) if read else None, read)
    for records in town.reclassering.values():
        for record in records:
            outcomes.add(record, formats.reclassering([record]))
    for record in sorted(town.jeugdzorg, key=lambda record: record.file):
        outcomes.add(record, (record.reference, record.version))

    themes, criteria, granted = read_house()
    text, persons, rows = expected.table(outcomes, (themes, criteria, granted), town.on_the_way, stories.TODAY)
    files["expected.tsv"] = text.encode("utf-8")
    check_story(town, outcomes, (themes, criteria), persons, rows)
    return files


def check_story(town, outcomes, house, persons, rows):
    """The promises of the example: its size, its broken records, and that it shows the same for years."""
    records = sum(count["read"] for count in outcomes.counts.values())
    assert records >= 250 and len(persons) >= 80, (records, len(persons))
    assert len(outcomes.held) == 6 and len({record.held for record in outcomes.held}) == 6
    later = expected.ripe(*house, persons, COUNTS_UNTIL)
    assert [(row[0]["id"], row[1], row[3]) for row in rows] == [(row[0]["id"], row[1], row[3]) for row in later]
    assert len(town.om[1]) >= 0.9 * len(town.om[0])
    labels = [(row[0]["id"], row[1]) for row in rows]
    assert not set(labels) & {(theme, name) for theme, name, _ in town.on_the_way}
    for theme, name, partners, _ in rows:
        assert not name.startswith("np-") and not name.startswith("f-"), (theme["id"], name, partners)
    for record in outcomes.live.values():
        assert datetime.date(record.date[0], record.date[1], record.date[2] or 1) < stories.TODAY


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    files = make()
    wrong = []
    for folder in ("politie", "om", "reclassering", "jeugdzorg"):
        path = os.path.join(HOUSE, "exports", folder)
        os.makedirs(path, exist_ok=True)
        wrong += ["exports/%s/%s is not made here" % (folder, name) for name in sorted(os.listdir(path))
                  if "exports/%s/%s" % (folder, name) not in files]
    for name, content in sorted(files.items()):
        path = os.path.join(HOUSE, name)
        if not arguments:
            with open(path, "wb") as file:
                file.write(content)
            continue
        if not os.path.exists(path):
            wrong.append(name + " is missing")
            continue
        with open(path, "rb") as file:
            if file.read() != content:
                wrong.append(name + " differs")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
