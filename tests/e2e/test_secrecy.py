#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""A thief of the hub's disk, and whoever reads its logs, learns nobody's name.

The exports of the example house, each BSN, name, street, reference and text in them replaced by one that occurs nowhere else, go
through the four adapters; a client in Python sends as many again, in signals that are held, refused, repeated, replaced, withdrawn
and given up. Then everything on the hub's side is searched for them: data, snapshots, a backup, the log at its most talkative, the
metrics, the status. That the search finds what is there is shown on plain copies in each form, on the partner's own side, and on a
hub whose AES does nothing.
"""
import base64
import contextlib
import os
import pathlib
import re
import secrets
import subprocess
import tempfile
import unittest

import kit
import plant
from kit import client, house, signal

SEED = os.environ.get("SEED") or str(secrets.randbelow(10**9))
ADAPTERS = ("politie", "om", "reclassering", "jeugdzorg")
TAKEN = 60  # signals of the client in Python that are taken as they are
HOLDERS = {  # what identifies somebody in an export, by its format; each pattern has one group
    "politie": (r'nummer="([^"]+)"', r"<bps:(?:bsn|voornamen|geslachtsnaam|straat|geboorteplaats|toelichting|reden)>([^<]+)<"),
    "om": tuple(r"(?m)^(?!VOLGNUMMER|EINDE)(?:[^;\n]*;){%d}([^;\r\n]+)" % column for column in (0, 2, 4, 5, 7, 9, 13, 15, 20)),
    "reclassering": (r'"id":"([^"]+)"', r'"(?:bsn|voornamen|achternaam|straat|geboorteplaats|toelichting)":"([^"]+)"',),
    "jeugdzorg": (r"<(?:ZKN:identificatie|StUF:referentienummer)>(BJZ[^<]+)<",
                  r"<BG:(?:inp\.bsn|voornamen|geslachtsnaam|gor\.openbareRuimteNaam|inp\.geboorteplaats)>([^<]+)<",
                  r"<JZ:(?:omschrijvingZorgelijkeSituatie|verzoekOmschrijving|antwoord)>([^<]+)<"),
}  # the first pattern of each is that of the reference
ENCODING = {"om": "iso-8859-1"}

# AES without effect, in place of OpenSSL's: the hub believes that it seals.
NO_CIPHER = """
#include <openssl/evp.h>
#include <string.h>
static int copy(unsigned char *out, int *size, const unsigned char *in, int in_size)
{
    if (out != NULL) {
        memmove(out, in, (size_t)in_size);
    }
    *size = in_size;
    return 1;
}
int EVP_EncryptUpdate(EVP_CIPHER_CTX *c, unsigned char *out, int *size, const unsigned char *in, int in_size)
{
    (void)c;
    return copy(out, size, in, in_size);
}
int EVP_DecryptUpdate(EVP_CIPHER_CTX *c, unsigned char *out, int *size, const unsigned char *in, int in_size)
{
    (void)c;
    return copy(out, size, in, in_size);
}
int EVP_DecryptFinal_ex(EVP_CIPHER_CTX *c, unsigned char *out, int *size)
{
    (void)c;
    (void)out;
    *size = 0;
    return 1;
}
"""


def signal_about(garden, **fields):
    """A usable signal with a planted value wherever somebody can write one."""
    def place():
        return signal.Address(street=garden.word(), house_number=1, postcode="9001AB", place="Voorbeeldstad")
    made = kit.report(**{"reference": garden.word(), "summary": f"Gezien met {garden.word()}.", "request": garden.word(),
                         "place": place(), **fields})
    made.answers.add(question=garden.word(), answer=garden.word())
    made.persons.add(role=signal.CASUS_ROLE_PLEGER, bsn=garden.bsn(), given_names=garden.word(), surname=garden.word(),
                     partner_surname=garden.word(), birth_date=signal.Date(year=1980, month=2, day=3), address=place(),
                     birth_place=garden.word())
    return made


class Secrecy(kit.Test):
    PARTNERS = ()
    SETTINGS = {"log_level": "debug", "snapshot_every": 60}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        print(f"seed {SEED}; again: SEED={SEED} tests/e2e/test_secrecy.py", flush=True)
        cls.garden = plant.Garden(SEED)
        cls.references = set()
        cls.shown, cls.counted, cls.processes = {}, {}, {}
        cls.known["gemeente"] = cls.enrol("gemeente", keys=cls.make_keys("gemeente", serial="00000099900100000001"))
        cls.known["ketenmanager"] = cls.enrol("ketenmanager", user=True)
        cls.enrol("liaison-politie", user=True)  # never comes: his mailbox stays full
        cls.through_the_adapters()
        cls().through_the_client()
        cls().look()
        cls.house.stop()
        cls.search = plant.Search(cls.garden.everything())
        # The operator's answers and an adapter's log name signals by their reference, never a person.
        cls.about_persons = plant.Search(cls.garden.everything() - cls.references)

    @classmethod
    def through_the_adapters(cls):
        cls.adapters = {}
        for name in ADAPTERS:
            cls.house.enrol(name)
            cls.adapters[name] = cls.house.start_adapter(name)
        exports = {name: sorted((house.EXAMPLE / "exports" / name).iterdir()) for name in ADAPTERS}
        for turn in (slice(-1), slice(-1, None)):  # the newest corrects and withdraws what was done before it
            for name in ADAPTERS:
                for path in exports[name][turn]:
                    cls.house.drop(name, cls.planted(name, path))
            cls.house.wait_until("a result beside every export", lambda end=turn.stop or 1000: all(
                len(list(cls.home(name, "done").glob("*.result.csv"))) == len(exports[name][:end]) for name in ADAPTERS))

    @classmethod
    def home(cls, name, folder):
        return cls.house.counterpart_dir(name) / folder

    @classmethod
    def planted(cls, name, path):
        """A copy of the export @path in which everybody is a planted person."""
        coding = ENCODING.get(name, "utf-8")
        text = path.read_bytes().decode(coding)
        cls.references.update(map(cls.garden.replace, re.findall(HOLDERS[name][0], text)))
        for pattern in HOLDERS[name]:
            text = re.sub(pattern, cls.put_in, text)
        copy = cls.home(name, "exports") / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(text.encode(coding))
        return copy

    @classmethod
    def put_in(cls, found):
        """What was found, its group replaced."""
        start, end = found.start(1) - found.start(), found.end(1) - found.start()
        return found[0][:start] + cls.garden.replace(found[1]) + found[0][end:]

    # --- the client in Python ---

    def signal(self, **fields):
        made = signal_about(self.garden, **fields)
        self.references.add(made.reference)
        return made

    def through_the_client(self):
        with self.session("gemeente") as one:
            first = [self.signal() for _ in range(TAKEN)]
            self.assertEqual(self.codes(one, first), [0] * TAKEN)
            self.assertEqual(self.codes(one, first[:10]), [0] * 10)
            newer = [self.signal(reference=made.reference, version=2) for made in first[:20]]
            self.assertEqual(self.codes(one, newer), [0] * 20)
            other = [self.signal(reference=made.reference, version=2) for made in first[:5]]
            self.assertEqual(self.codes(one, other), [0] * 5)  # conflicts: told by the outcome
            gone = [kit.withdrawal(made.reference, 3) for made in first[10:20]]
            self.assertEqual(self.codes(one, gone), [0] * 10)
            held, codes = zip(*self.unusable())
            positions = [line.position for line in self.submit(one, *held).signals]
            self.assertEqual(self.codes(one, held), list(codes))
            self.outcomes(one, 7)
        self.refused()
        self.house.ask("held", "retry", *positions[:3])
        self.house.ask("held", "drop", positions[3], "--yes")
        self.shown["held show"] = self.house.cli("held", "show", positions[4])
        self.shown["trace"] = self.house.cli("trace", "gemeente", first[0].reference)
        self.assertGreater(len(self.drain("ketenmanager")), 3)

    def codes(self, one, signals):
        return [line.held_code for line in self.submit(one, *signals).signals]

    def unusable(self):
        """(signal, code) of signals that the hub keeps until somebody repairs them."""
        garden = self.garden
        yield self.signal(themes=[garden.word()]), kit.THEME
        yield self.signal(summary=garden.word() * 600), kit.LENGTH
        for field, value, code in (("reference", garden.word() * 5, kit.REFERENCE),
                                   ("persons.bsn", garden.word(), kit.BSN), ("persons.role", 0, kit.ROLE),
                                   ("persons.surname", garden.word() * 20, kit.LENGTH),
                                   ("persons.birth_place", garden.word() * 20, kit.LENGTH)):
            made = self.signal()
            setattr(made.persons[0] if "." in field else made, field.rpartition(".")[2], value)
            yield made, code
        made = self.signal()
        made.persons[0].birth_date.day = 31
        yield made, kit.DATE
        made = self.signal()
        made.persons[0].ClearField("bsn")
        made.persons[0].ClearField("surname")
        yield made, kit.PERSON
        whole = self.signal().SerializeToString(deterministic=True)
        yield whole + whole[:2 + whole[1]], kit.NOT_CANONICAL  # its reference once more
        yield whole.replace(b"Gezien", b"Gezi\xff\xff"), kit.UTF8
        yield whole[:-1], kit.MALFORMED

    def refused(self):
        """Batches and frames of which the hub keeps nothing; what they hold is in no log either."""
        for code, change in ((kit.SIGNATURE, lambda batch: setattr(batch.body, "signature", bytes(64))),
                             (kit.CERT_MISMATCH, lambda batch: setattr(batch.body, "certificate_digest", bytes(32))),
                             (kit.LENGTH, lambda batch: setattr(batch.body.signals[0], "salt", self.garden.word().encode()))):
            with self.session("gemeente") as one:
                batch = client.Batch(one.keys, house.HOUSE_OIN, one.partner_oin, [self.signal()])
                change(batch)
                one.send(message_id=batch.message_id, submit_batch=batch.body)
                self.assertEqual(self.refusal(one).code, code)
        with self.session("gemeente") as one:
            one.send_frame(self.garden.word().encode())
            self.assertIn(self.refusal(one).code, (kit.MALFORMED, kit.NOT_CANONICAL))
        with self.session("gemeente") as one:
            one.send(credit=client.wire.Credit(mailbox=self.garden.word(), events=1))
            self.assertEqual(self.refusal(one).code, kit.NOT_ENTITLED)

    # --- what there is to see ---

    def look(self):
        """Everything that the hub gives out about itself, while it runs."""
        ask = self.house.cli
        self.wait_applied()
        self.house.wait_until("a snapshot", lambda: list((self.house.house / "data/snapshots").glob("*")))
        backup = self.house.dir / "backup"
        # "Later" is an answer while the hub takes a snapshot of its own.
        self.house.wait_until("a backup", lambda: ask("backup", backup, expect=None) and backup.exists())
        for words in (("status",), ("metrics",), ("mailbox", "list"), ("proposal", "list"), ("person", "count"),
                      ("held", "list"), ("held", "list", "gemeente"), ("partner", "list"), ("store", "verify")):
            self.shown[" ".join(words)] = ask(*words)
            self.shown[" ".join(words) + " --json"] = ask(*words, "--json")
        self.counted.update(self.metrics())
        for process in (self.hub, *self.adapters.values()):
            for name in ("cmdline", "environ"):
                path = pathlib.Path("/proc", str(process.child.pid), name)
                with contextlib.suppress(PermissionError):  # only root may read the hub's environment
                    self.processes[f"{process.name}: {name}"] = path.read_bytes()

    def hub_files(self):
        """All that lies on the hub's side: the house, its log, the backup; not what is a counterpart's own."""
        own = self.house.dir / "counterparts"
        logs = {self.house.dir / f"{name}.log" for name in ADAPTERS}
        return [path for path in sorted(self.house.dir.rglob("*"))
                if path.is_file() and own not in path.parents and path not in logs]

    def test_nothing_lies_on_the_hubs_side(self):
        files = self.hub_files()
        names = {str(path.relative_to(self.house.dir)) for path in files}
        for wanted in ("house/data/journal/data.mdb", "house/data/state/data.mdb", "house/data/persons/data.mdb", "hub.log",
                       "house/house.yaml", "backup/state/data.mdb", "backup/journal/data.mdb", "backup/persons/data.mdb"):
            self.assertIn(wanted, names)
        self.assertTrue(any(name.startswith("house/data/snapshots/") for name in names), names)
        self.assertEqual({path: sorted(hits)[:3] for path, hits in self.search.in_files(files).items()}, {})
        print(f"{len(self.garden.everything())} planted ({len(self.garden.bsns)} BSNs), {len(files)} files, "
              f"{sum(path.stat().st_size for path in files)} bytes: none of them", flush=True)

    def test_enough_was_planted_and_all_of_it_went_its_way(self):
        self.assertGreaterEqual(len(self.garden.everything()), 1000)
        self.assertGreaterEqual(len(self.garden.bsns), 100)
        counted = self.counted
        self.assertGreater(counted["signals_accepted"], 300)
        for name in ("outcomes_new", "outcomes_replaces", "outcomes_withdrawn", "outcomes_duplicate", "conflicts", "signals_held",
                     "casus_ready", "frames_refused"):
            self.assertGreater(counted[name], 0, name)

    def test_nothing_is_shown(self):
        for words, text in self.shown.items():
            with self.subTest(answer=words):
                self.assertEqual(self.about_persons.in_bytes(text.encode()), set())
                if words.split()[0] in ("status", "metrics", "mailbox", "person", "partner", "store"):
                    self.assertEqual(self.search.in_bytes(text.encode()), set())

    def test_no_process_says_anything_about_itself(self):
        self.assertIn("hub: cmdline", self.processes)
        for what, content in self.processes.items():
            with self.subTest(of=what):
                self.assertGreater(len(content), 3)
                self.assertEqual(self.search.in_bytes(content), set())

    def test_what_an_adapter_promises_of_its_own_side(self):
        """It keeps what the export holds, in a folder for nobody else; no person in its log, or in a file name of its making."""
        for name in ADAPTERS:
            with self.subTest(adapter=name):
                self.assertEqual(self.home(name, "spool").stat().st_mode & 0o777, 0o700)
                log = pathlib.Path(self.house.dir, f"{name}.log").read_bytes()
                self.assertGreater(log.count(b"file.done"), 1)
                self.assertEqual(self.about_persons.in_bytes(log), set())
                names = [path.name for folder in ("drop", "done", "inbox", "waiting", "spool")
                         for path in self.home(name, folder).rglob("*")]
                self.assertEqual(self.search.in_bytes("\n".join(names).encode()), set())

    # --- the positive controls ---

    def test_the_search_finds_each_value_in_each_form(self):
        values = self.garden.everything()
        for form, write in (("text", str.encode), ("utf-16", lambda text: text.encode("utf-16-le")),
                            ("utf-16", lambda text: text.encode("utf-16-be")), ("hex", lambda text: text.encode().hex().encode()),
                            ("hex", lambda text: text.encode().hex().upper().encode()),
                            ("base64", lambda text: base64.b64encode(text.encode()))):
            for spell in (str, str.lower, str.upper):
                for before in ("", "=", "=="):  # where it starts in a group of three
                    with self.subTest(form=form, spell=spell.__name__, before=before):
                        content = b"\0".join(write(f"{before}{spell(value)} is here") for value in values)
                        found = {value for value, name in self.search.in_bytes(content) if name.startswith(form)}
                        self.assertEqual(found, values)

    def test_the_search_finds_them_on_the_partners_own_side(self):
        files = [path for name in ADAPTERS for folder in ("done", "inbox", "spool")
                 for path in sorted(self.home(name, folder).iterdir())]
        found = self.search.in_files(files)
        seen = {value for hits in found.values() for value, _ in hits}
        self.assertEqual(seen, set(self.garden.instead.values()))
        for name in ADAPTERS:
            self.assertIn(self.home(name, "spool") / "data.mdb", found)


@unittest.skipIf(os.environ.get("KNOOPPUNT_VARIANT") in ("asan", "tsan"), "a sanitizer does not stand something loaded before it")
class Unsealed(kit.Test):
    """The control: a hub that believes that it seals."""
    PARTNERS = ()
    SETTINGS = {"snapshot_every": 60}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-e2e-", dir=os.environ.get("TMPDIR"))
        cls.addClassCleanup(folder.cleanup)
        library = pathlib.Path(folder.name, "no-cipher.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, "-x", "c", "-"], input=NO_CIPHER, text=True, check=True)
        cls.HUB_ENV = {"LD_PRELOAD": str(library)}
        super().setUpClass()
        cls.known["gemeente"] = cls.enrol("gemeente", keys=cls.make_keys("gemeente", serial="00000099900100000001"))

    def test_its_disk_tells_everything(self):
        garden = plant.Garden(SEED)
        sent = [signal_about(garden) for _ in range(40)]
        with self.session("gemeente") as one:
            for part in range(0, len(sent), 10):
                self.submit(one, *sent[part:part + 10])
        self.wait_applied()
        self.house.wait_until("a backup", lambda: self.house.cli("backup", self.house.dir / "backup", expect=None) and
                              (self.house.dir / "backup").exists())
        self.house.stop()
        search = plant.Search(garden.everything())
        for name in ("house/data/journal", "house/data/state", "backup/state"):
            with self.subTest(in_=name):
                found = search.in_files([self.house.dir / name / "data.mdb"])
                self.assertEqual({value for hits in found.values() for value, _ in hits}, garden.everything())


if __name__ == "__main__":
    kit.main()
