#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The work list over the wire: the ketenmanager asks at his own door and decides by commands that he signs. Nobody else may, a
command that is sent again is done once, and what was altered on the way or signed for another message is refused.
"""
import client
import kit
from test_review import told


class ReviewWire(kit.Test):
    PARTNERS = ("politie", "om", "reclassering")
    USERS = ("ketenmanager", "beheerder")

    def person(self, name, reference, **fields):
        with self.session(name) as session:
            position = self.submit(session, told(reference, **fields)).signals[0].position
        self.wait_applied()
        return position, self.house.ask("match", "explain", position)["match"][0]["person"]

    def refused(self, session, message_id):
        with self.assertRaises(client.Refused) as caught:
            session.wait_answer(message_id)
        return caught.exception.code

    def test_a_ketenmanager_sees_decides_and_takes_back(self):
        _, anna = self.person("politie", "PL-1", bsn=kit.bsn(1), given_names="Anna")
        _, alma = self.person("om", "OM-1", bsn=kit.bsn(2), given_names="Alma")
        place, initial = self.person("reclassering", "R-1", initials="A.")
        with self.session("ketenmanager") as session:
            listed = session.wait_answer(session.ask("review.list"))["review"]
            self.assertEqual({frozenset((row["person"], row["other"])) for row in listed},
                             {frozenset((anna, initial)), frozenset((alma, initial))})
            shown = session.wait_answer(session.ask("review.show", alma, initial))
            self.assertEqual([row["person"] for row in shown["persons"]], [alma, initial])
            self.assertEqual({row["field"]: row["other"] for row in shown["weighed"]}["voornaam"], "a")
            accept = session.command("review.accept", alma, initial, "partner")
            decided = session.wait_answer(session.do(*accept))["decided"][0]
            self.assertEqual((decided["one"], decided["result"]), (alma, "one person"))
            self.assertEqual(session.wait_answer(session.ask("review.list"))["review"], [])
            why = session.wait_answer(session.ask("match.explain", place))
            self.assertEqual([(row["decision"], row["reason"], row["by"], row["epoch"]) for row in why["decided"]],
                             [("een persoon", "partner", "ketenmanager", 0)])
            history = session.wait_answer(session.ask("match.history", initial))
            self.assertEqual(history["person"], [{"asked": initial, "now": alma}])
            self.assertEqual([(row["what"], row["person"], row["because"], row["by"]) for row in history["history"]],
                             [("ging naar", alma, "iemand besliste", "ketenmanager")])
        before = self.house.ask("store", "digest")
        with self.session("ketenmanager") as session:  # the answer was lost: he sends it again
            self.assertEqual(session.wait_answer(session.do(*accept))["decided"][0]["position"], decided["position"])
            self.assertEqual(self.house.ask("store", "digest"), before)
            other = session.command("review.reject", alma, anna, "partner", message_id=accept[0])
            self.assertEqual(self.refused(session, session.do(*other)), kit.CONFLICT)  # by the same message_id, and not done
            self.assertEqual(self.house.ask("store", "digest"), before)
            undo = session.command("review.undo", decided["position"], "vergissing")
            stands = session.wait_answer(session.ask("review.decided"))["decided"]
            self.assertEqual([(row["position"], row["decision"], row["by"]) for row in stands], [(decided["position"], "een persoon", "ketenmanager")])
            self.assertEqual(session.wait_answer(session.do(*undo))["decided"][0]["result"], "two persons")
            self.assertEqual(len(session.wait_answer(session.ask("review.list"))["review"]), 2)

    def test_nobody_else_asks_or_decides(self):
        for name in ("beheerder", "politie"):
            with self.session(name) as session:
                self.assertEqual(self.refused(session, session.ask("review.list")), kit.NOT_ENTITLED)
                self.assertEqual(self.refused(session, session.do(*session.command("review.accept", "P-1.1", "P-2.1", "partner"))),
                                 kit.NOT_ENTITLED)

    def test_what_he_did_not_sign_is_not_done(self):
        before = self.house.ask("store", "digest")
        with self.session("ketenmanager") as session:
            message_id, command = session.command("review.accept", "P-1.1", "P-2.1", "partner")
            self.assertEqual(self.refused(session, session.do(client.uuid7(), command)), kit.SIGNATURE)
            altered = client.wire.Command.FromString(command.SerializeToString())
            altered.body = altered.body.replace(b"review.accept", b"review.reject")
            self.assertEqual(self.refused(session, session.do(message_id, altered)), kit.SIGNATURE)
            self.assertEqual(self.refused(session, session.do(message_id, client.wire.Command(body=command.body))), kit.MISSING)
            altered.CopyFrom(command)
            altered.certificate_digest = bytes(32)
            self.assertEqual(self.refused(session, session.do(message_id, altered)), kit.CERT_MISMATCH)
        self.assertEqual(self.house.ask("store", "digest"), before)

    def test_what_cannot_be_asked_or_done_is_said_to_be_so(self):
        with self.session("ketenmanager") as session:
            for words, code in ((("review.accept", "P-1.1", "P-2.1"), kit.VALUE),  # a command is no question
                                (("status",), kit.VALUE), (("store.digest",), kit.VALUE), (("",), kit.VALUE),
                                (("review.show", "x" * 65, "P-2.1"), kit.LENGTH), (("review.show",) + ("P-1.1",) * 5, kit.LIMIT),
                                (("review.show", "P-99.1", "P-98.1"), kit.NOT_FOUND), (("review.show", "P-99.1"), kit.USAGE)):
                self.assertEqual(self.refused(session, session.ask(*words)), code, words)
            for words, code in ((("review.list",), kit.VALUE), (("review.accept", "P-1.1", "P-2.1"), kit.USAGE),
                                (("review.accept", "P-1.1", "P-2.1", "zomaar"), kit.USAGE),
                                (("review.undo", "999999", "anders"), kit.NOT_FOUND)):
                self.assertEqual(self.refused(session, session.do(*session.command(*words))), code, words)

    def test_each_look_is_in_the_audit_before_it_is_answered(self):
        """One that finds nothing too; what is refused at the door was not looked at."""
        place, person = self.person("politie", "PL-9", bsn=kit.bsn(9), given_names="Iris")
        entries = lambda: self.house.ask("status")["hub"][0]["audit_entries"]
        with self.session("ketenmanager") as session:
            self.wait_applied()
            before = entries()
            for n, words in enumerate((("review.list",), ("match.explain", place), ("match.history", person)), 1):
                session.wait_answer(session.ask(*words))
                self.wait_applied()
                self.assertEqual(entries(), before + n, words)
            self.assertEqual(self.refused(session, session.ask("review.show", "P-99.1", "P-98.1")), kit.NOT_FOUND)
            self.wait_applied()
            self.assertEqual(entries(), before + 4)
            self.assertEqual(self.refused(session, session.ask("status")), kit.VALUE)
            self.wait_applied()
            self.assertEqual(entries(), before + 4)

    def tearDown(self):
        self.check_hub_is_well()


if __name__ == "__main__":
    kit.main()
