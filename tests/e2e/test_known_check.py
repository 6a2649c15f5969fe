#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Whether a person is known in the house (check op bekendheid): who hears what, and that nothing else is to be heard."""
import kit
from kit import client, known, signal

LIAISON, OM = known.REQUESTER_TYPE_LIAISON, known.REQUESTER_TYPE_MEDEWERKER_OM
BASIS, RADICAL = known.CHECK_REASON_BASISTAKEN_ZVH, known.CHECK_REASON_RADICALISERING


def person(number, **fields):
    """The @number-th invented person, as kit.report() tells of him."""
    return signal.PersonMention(**{"bsn": kit.bsn(number), "given_names": "Test", "surname": f"Verzonnen{number}",
                                   "birth_date": signal.Date(year=1980, month=2, day=3), **fields})


def named(surname, given_names="Aaldrik", **fields):
    """Somebody without a BSN."""
    return signal.PersonMention(**{"given_names": given_names, "surname": surname, "gender": signal.GENDER_MAN,
                                   "birth_date": signal.Date(year=1971, month=5, day=17), **fields})


def told_of(one, role=signal.CASUS_ROLE_PLEGER):
    """The same person in a signal."""
    made = signal.PersonMention()
    made.CopyFrom(one)
    made.role = role
    return made


class Check(kit.Test):
    PARTNERS = ("politie", "om", "reclassering", "jeugdzorg")
    USERS = ("ketenmanager",)
    PARTNER_SETTINGS = {"politie": {"checks_max": 1000}, "om": {"checks_max": 4}}

    def reported(self, partner, reference, one, role=signal.CASUS_ROLE_PLEGER):
        made = kit.report(reference)
        made.persons.append(told_of(one, role))
        with self.session(partner) as session:
            self.submit(session, made)
        self.wait_applied()

    def asked(self, partner, one, requester_type=LIAISON, reason=BASIS):
        """(answer, row of the audit)"""
        with self.session(partner) as session:
            found = session.wait_known(session.check(requester_type, reason, one))
        self.assertEqual(len(found.answer.SerializeToString()), 8192)
        return found, self.house.ask("known-check", "list")["checks"][-1]

    def says_no(self, found):
        self.assertEqual((found.answer.code, found.answer.known, len(found.answer.contacts)), (kit.OK, False, 0))

    def test_a_hit_names_who_knows_and_whom_to_call(self):
        self.reported("om", "hit-1", person(1))
        self.reported("jeugdzorg", "hit-1", person(1))  # never told of
        self.reported("politie", "hit-1", person(1))  # the asker himself
        found, row = self.asked("politie", person(1))
        self.assertEqual((found.answer.code, found.answer.known), (kit.OK, True))
        self.assertEqual([(c.partner, c.text) for c in found.answer.contacts],
                         [("Openbaar Ministerie, arrondissementsparket Voorbeeldstad", "zsm@om.voorbeeldstad.example")])
        self.assertEqual((row["partner"], row["as"], row["for"], row["outcome"], row["told"]),
                         ("politie", "LIAISON", "BASISTAKEN_ZVH", "HIT", "om"))
        self.assertEqual(len(row["form"]), 32)
        self.reported("reclassering", "hit-1", person(1))
        found, row = self.asked("politie", person(1))
        self.assertEqual((len(found.answer.contacts), row["told"]), (2, "om reclassering"))

    def test_a_form_that_is_new_finds_its_person_and_leaves_no_trace(self):
        self.reported("om", "new-1", named("Wierdsma"))
        before = self.house.ask("person", "count")
        again = named("Wierdsma", address=signal.Address(postcode="1234AB", house_number=7))
        found, row = self.asked("politie", again)
        self.assertTrue(found.answer.known)
        self.assertEqual(row["told"], "om")
        for _ in range(2):
            found, row = self.asked("politie", named("Nooitgezien", birth_date=signal.Date(year=1966, month=9, day=8)))
            self.says_no(found)
            self.assertEqual(row["outcome"], "UNKNOWN")
        self.assertEqual(self.house.ask("person", "count"), before)

    def test_whoever_must_not_hear_hears_no(self):
        self.reported("jeugdzorg", "no-1", person(21))
        self.reported("om", "no-1", person(22), signal.CASUS_ROLE_SLACHTOFFER)
        self.reported("politie", "no-1", person(23))
        self.reported("om", "no-2", person(24))
        self.reported("om", "no-3", named("Zwiggelaar"))
        first = None
        for partner, one, why, outcome in (
                ("politie", person(20), {}, "UNKNOWN"),
                ("politie", signal.PersonMention(v_nummer="0012345678"), {}, "UNKNOWN"),  # nobody is looked for by it
                ("politie", person(21), {}, "FORBIDDEN"),
                ("politie", person(22), {}, "FORBIDDEN"),
                ("politie", person(23), {}, "UNKNOWN"),
                ("politie", named("Zwiggelaar", birth_date=signal.Date(year=1971)), {}, "DOUBT"),
                ("politie", named("Zwiggelaar", given_names="Bonne"), {}, "UNKNOWN"),
                ("politie", person(24), {"reason": RADICAL}, "NOT_ENTITLED"),
                ("politie", person(24), {"requester_type": OM}, "NOT_ENTITLED"),
                ("reclassering", person(24), {}, "NOT_ENTITLED"),
                ("jeugdzorg", person(24), {}, "NOT_ENTITLED"),
                ("jeugdzorg", person(20), {}, "NOT_ENTITLED")):
            found, row = self.asked(partner, one, **why)
            self.assertEqual((row["partner"], row["outcome"], row["told"]), (partner, outcome, ""), one)
            self.says_no(found)
            found.answer.check_message_id = b""
            first = first or found
            self.assertEqual(found.answer.SerializeToString(), first.answer.SerializeToString())
            self.assertEqual(found.frame_bytes, first.frame_bytes)
        found, _ = self.asked("politie", person(24))  # and yet he is there
        self.assertTrue(found.answer.known)
        self.assertEqual(found.frame_bytes, first.frame_bytes)

    def test_a_withdrawn_signal_is_known_no_more(self):
        self.reported("om", "gone-1", person(31))
        self.assertTrue(self.asked("politie", person(31))[0].answer.known)
        with self.session("om") as session:
            self.submit(session, kit.withdrawal("gone-1", 2))
        self.wait_applied()
        self.assertEqual(self.asked("politie", person(31))[1]["outcome"], "UNKNOWN")

    def test_the_quota_of_a_day_outlives_the_hub(self):
        self.reported("politie", "quota-1", person(41))
        with self.session("om") as session:
            self.assertEqual(session.welcome.known_checks_per_day, 4)
        for one, reason, hit in ((person(41), BASIS, True), (person(40), BASIS, False), (person(41), RADICAL, False)):
            self.assertEqual(self.asked("om", one, OM, reason)[0].answer.known, hit)
        self.assertEqual(self.house.hub.end(), 0)
        self.house.cli("store", "rebuild", self.house.house, hub=False)  # what was told and counted follows from the journal
        type(self).hub = self.house.start_hub()
        type(self).pid = self.hub.child.pid
        self.assertTrue(self.asked("om", person(41), OM)[0].answer.known)  # the fourth
        sizes = set()
        for one, reason in ((person(41), BASIS), (person(40), BASIS), (person(41), RADICAL)):
            found, row = self.asked("om", one, OM, reason)
            self.assertEqual((found.answer.code, found.answer.known, len(found.answer.contacts)), (kit.QUOTA, False, 0))
            self.assertEqual((row["outcome"], row["told"]), ("QUOTA", ""))
            sizes.add(found.frame_bytes)
        self.assertEqual(len(sizes), 1)
        self.assertTrue(self.asked("politie", person(41))[0].answer.code == kit.OK)  # another's is his own
        self.assertGreaterEqual(self.metrics()["known_checks_refused"], 3)

    def test_what_is_no_check_is_refused_as_any_frame(self):
        for requester_type, reason, one, code in (
                (99, BASIS, person(51), kit.VALUE), (LIAISON, 99, person(51), kit.VALUE), (LIAISON, BASIS, None, kit.MISSING),
                (LIAISON, BASIS, told_of(person(51)), kit.ROLE), (LIAISON, BASIS, person(51, bsn="12"), kit.BSN),
                (LIAISON, BASIS, signal.PersonMention(given_names="Test"), kit.PERSON),
                (LIAISON, BASIS, person(51, birth_date=signal.Date(year=1980, month=13)), kit.DATE)):
            with self.session("politie") as session:
                with self.assertRaises(client.Refused) as caught:
                    check = known.KnownCheck(person=one)
                    packed = bytes([8, requester_type, 16, reason]) + check.SerializeToString()
                    body = bytes([0xda, 1, len(packed)]) + packed
                    session.send_frame(client.wire.Envelope(schema=1, message_id=client.uuid7(), session=session.session)
                                       .SerializeToString() + body)
                    session.wait_known(b"")
                self.assertEqual(caught.exception.code, code)
        with self.session("ketenmanager") as session:
            with self.assertRaises(client.Refused) as caught:
                session.wait_known(session.check(LIAISON, BASIS, person(51)))
            self.assertEqual(caught.exception.code, kit.NOT_ENTITLED)
            self.assertFalse(session.welcome.HasField("known_checks_per_day"))

    def test_nothing_of_the_person_is_written_down(self):
        one = person(61, surname="Onvindbaarsma")
        found, _ = self.asked("politie", one)
        self.says_no(found)
        log = self.house.hub.log_path.read_bytes()
        for text in (one.bsn.encode(), b"nvindbaarsma"):
            self.assertNotIn(text, log)
            for path in (self.house.house / "data").rglob("*"):
                if path.is_file() and path.stat().st_size < 1 << 28:
                    self.assertNotIn(text, path.read_bytes(), path)

    def tearDown(self):
        self.check_hub_is_well()


if __name__ == "__main__":
    kit.main()
